package site

// falls are runs in which a broken rule shows, as links: a seed of the simulator
// whose run is short, or a calm run with a few commands. A test plays those of the
// mutations that a static site has.
var falls = map[string]string{}
