package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"kvorum/rpc/client"
)

// errCompareFailed ends a cas whose comparison failed.
var errCompareFailed = errors.New("not swapped")

// failure is a call to the cluster that failed. Only these have an outcome.
type failure struct {
	what string // the command and what it was about: get "greeting"
	err  error
}

func (f failure) Error() string { return f.what + ": " + f.err.Error() }

func (f failure) Unwrap() error { return f.err }

// explain tells in one line what happened, why, whether it may have had an
// effect, and what to do about it.
func (k *kvctl) explain(err error) string {
	var f failure
	if !errors.As(err, &f) {
		return err.Error()
	}
	parts := []string{f.what + ": " + k.happened(f.err)}
	if k.write {
		parts = append(parts, outcomes[client.Outcome(err)])
	}
	if a := k.advice(err); a != "" {
		parts = append(parts, a)
	}
	return strings.Join(parts, "; ")
}

var outcomes = map[string]string{
	client.Definite: "nothing was changed",
	client.Unknown:  "outcome unknown: it may yet take effect",
}

func (k *kvctl) happened(err error) string {
	message := err.Error()
	var s interface{ GRPCStatus() *status.Status }
	if errors.As(err, &s) {
		message = s.GRPCStatus().Message()
	}
	message = strings.ReplaceAll(message, "\n", " ")
	switch {
	case client.Reason(err) != "":
		return fmt.Sprintf("%s (%s)", message, client.Reason(err))
	case errors.Is(err, client.ErrNotSent):
		return "no server could be reached: " + message
	case timedOut(err):
		return fmt.Sprintf("no answer within %v", k.timeout)
	}
	return message
}

func timedOut(err error) bool {
	return status.Code(err) == codes.DeadlineExceeded || errors.Is(err, context.DeadlineExceeded)
}

// advices say what to do, by reason.
var advices = map[string]string{
	"NO_LEADER":          "try again, or look at kvctl status",
	"NOT_LEADER":         "try again, or look at kvctl status",
	"LEADERSHIP_LOST":    "read before you try again",
	"BUSY":               "try again later",
	"TOO_STALE":          "ask another server, or raise --max-staleness",
	"VALUE_TOO_LARGE":    "the servers' --max-value-bytes is the limit",
	"COMPACTED":          "what has happened since is lost: watch again without --from, and look at kvctl list",
	"CHANGE_IN_PROGRESS": "try again when that change is done",
	"NOT_CAUGHT_UP":      "try again when kvctl status shows no lag",
	"NOT_A_MEMBER":       "kvctl servers lists the members",
	"WRONG_CLUSTER":      "check --servers",
}

func (k *kvctl) advice(err error) string {
	if k.members && client.Outcome(err) == client.Unknown {
		return "look at kvctl servers"
	}
	switch a := advices[client.Reason(err)]; {
	case a != "":
		return a
	case client.Reason(err) != "":
		return ""
	case errors.Is(err, client.ErrNoSuchServer):
		return "kvctl servers lists the members"
	case errors.Is(err, client.ErrNotSent):
		return "check that the servers run, and --servers " + strings.Join(k.servers, ",")
	case timedOut(err):
		return "look at kvctl status, or raise --timeout"
	}
	return ""
}
