package dashboard

import (
	"fmt"
	"strings"
)

// The levels of Health.
const (
	levelGood = "good"
	levelWarn = "warn"
	levelBad  = "bad"
)

// judge says in a sentence how the cluster is. notReady is why the server that
// looks cannot serve every request.
func judge(s Snapshot, notReady string) Health {
	if len(s.Servers) == 0 {
		return Health{levelWarn, "This server belongs to no cluster yet.", notReady}
	}
	if a, b := diverged(s.Servers); a != "" {
		return Health{levelBad, fmt.Sprintf("The states of %s and %s differ.", a, b),
			"They applied the same entries. Stop writing, keep both folders, and compare them with raftlab wal diff."}
	}
	for _, q := range s.Quorums {
		if q.Spare < 0 {
			return Health{levelBad, fmt.Sprintf("No leader: %s; %d are needed.", answer(q), q.Needed),
				fmt.Sprintf("Nothing can be written until %d more %s.", -q.Spare, plural(-q.Spare, "answers", "answer"))}
		}
	}
	if s.Leader == nil {
		return Health{levelBad, fmt.Sprintf("No leader: %s, and %d are enough to elect one.", answer(s.Quorums[0]), s.Quorums[0].Needed),
			"Nothing can be written until then, which should be a moment."}
	}
	if troubled := troubles(s.Servers); len(troubled) > 0 {
		return Health{levelWarn, fmt.Sprintf("%s leads, but %s.", s.Leader.Name, strings.Join(troubled, ", ")), tolerance(s.Quorums)}
	}
	return Health{levelGood, fmt.Sprintf("%s leads, and %s.", s.Leader.Name, everybody(len(s.Servers))), tolerance(s.Quorums)}
}

// diverged returns two servers that made different states of the same log.
func diverged(servers []Server) (string, string) {
	at := map[uint64]Server{}
	for _, s := range servers {
		if !s.Up || s.State == nil || s.State.AppliedIndex == 0 {
			continue
		}
		other, ok := at[s.State.AppliedIndex]
		if !ok {
			at[s.State.AppliedIndex] = s
		} else if other.State.StateHash != s.State.StateHash {
			return other.Name, s.Name
		}
	}
	return "", ""
}

// troubles says who does not answer, or does not serve every request.
func troubles(servers []Server) (all []string) {
	for _, s := range servers {
		switch {
		case !s.Up:
			all = append(all, s.Name+" does not answer")
		case s.Problem != "":
			all = append(all, s.Name+" is not ready")
		}
	}
	return all
}

// tolerance says how many servers may fail before a quorum is lost.
func tolerance(quorums []Quorum) string {
	spare := quorums[0].Spare
	for _, q := range quorums {
		spare = min(spare, q.Spare)
	}
	switch {
	case quorums[0].Voters == 1:
		return "It is alone: none may fail."
	case spare == 0:
		return "No other may fail now."
	default:
		return fmt.Sprintf("%d more may fail.", spare)
	}
}

func answer(q Quorum) string {
	return fmt.Sprintf("%d of %d %s %s", q.Answering, q.Voters, plural(q.Voters, "server", "servers"), plural(q.Answering, "answers", "answer"))
}

func everybody(n int) string {
	switch n {
	case 1:
		return "it answers"
	case 2:
		return "both servers answer"
	default:
		return fmt.Sprintf("all %d servers answer", n)
	}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
