package lab

// Digests plays up to an event, returns what the run had come to after each up to
// there, with the invariant that broke, if one did, and comes back.
func (p *Player) Digests(upto int) ([]string, *Violation, error) {
	here, clock := p.at, p.clock
	if err := p.Seek(max(upto, here)); err != nil {
		return nil, nil, err
	}
	broken := p.Violation()
	err := p.Seek(here)
	p.clock = clock
	all := []string{}
	for _, d := range p.digests[:min(upto, len(p.digests))] {
		all = append(all, digestText(d))
	}
	return all, broken, err
}

// Parts returns the first event at which this run is not the one with these digests,
// and what broke up to there; 0: it is the same.
func (p *Player) Parts(digests []string) (at Point, broken *Violation, err error) {
	ours, broken, err := p.Digests(len(digests))
	if err != nil {
		return Point{}, nil, err
	}
	for i, d := range digests {
		switch {
		case i >= len(ours): // it ended before
			return Point{i + 1, p.scene.now()}, broken, nil
		case ours[i] != d:
			return Point{i + 1, p.times[i]}, broken, nil
		}
	}
	return Point{}, broken, nil
}
