// Package mutants is the bug zoo: the mistakes that implementations of Raft are
// known to have made, each as a small change to kvorum, and the tests that notice
// them. A test suite is as good as the bugs that it catches; this is how to tell.
//
// The animals are in zoo.txt, which is meant to be read. [All] returns them,
// [Mutation.Overlay] writes the changed files aside, for the -overlay flag of the
// go command, so that the tree stays as it is, and [Run] finds a test that fails.
//
// `raftlab mutants` serves it: it lists the animals, shows one at work, or runs them
// all (`make mutants`).
package mutants
