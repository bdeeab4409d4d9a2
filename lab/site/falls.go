package site

// falls are runs in which a broken rule shows, as links: short ones among the seeds
// that `raftlab sim --mutant` finds, scripts whose properties fall, and what
// somebody has played.
var falls = map[string]string{
	"vote-without-log-check":                     "seed=6&chaos=1&short=1",
	"vote-before-durable":                        "seed=26&servers=3&chaos=1",
	"half-is-a-quorum":                           "seed=2&chaos=1",
	"change-before-the-first-commit-of-the-term": "seed=181&servers=3&chaos=1",
	// The paper's own story of it: in (d) a committed entry is overwritten.
	"commit-an-old-term-by-counting": "scenario=figure8",
	// The joint configuration of the paper: two leaders of one term.
	"one-majority-of-the-union": "scenario=figure10",
	// A leader with a slow clock is cut off, and does not notice. The others elect
	// another, which takes a write. What does the first answer to a read?
	"read-without-a-round": "seed=1&servers=3&do=203:set+x+1;275:clock+n1+0.1;276:split+n1+%7C+n2+n3;440:set+x+2+at+n3;499:get+x+at+n1",
}
