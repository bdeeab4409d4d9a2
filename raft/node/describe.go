package node

import "kvorum/raft"

// describe says what a change of leadership means for this server, as its log tells
// it. It is empty if there is nothing to tell.
func describe(before, now Leadership) string {
	switch {
	case now.Role == raft.Leader:
		return "leads"
	case now.Role == raft.PreCandidate:
		return "hears no leader: asks whether the others would elect this server"
	case now.Role == raft.Candidate && before.Leader != raft.None:
		return "stands for election, since the leader hands over"
	case now.Role == raft.Candidate:
		return "stands for election"
	case before.Role == raft.Leader && now.Term == before.Term:
		return "steps down: it is no voter any more, hears from no majority, or its disk is stuck"
	case before.Role == raft.Leader:
		return "steps down: there is a later term"
	case now.Leader == before.Leader:
		return "" // a pre-vote or an election that came to nothing
	case now.Leader == raft.None:
		return "knows no leader"
	default:
		return "follows"
	}
}
