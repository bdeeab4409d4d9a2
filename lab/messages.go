package lab

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"

	"kvorum/raft/script"
)

// message is a command about one message: 17, or #17.
func message(do func(w *world, number int) error) doing {
	return func(s *worldScene, args []string) (string, error) {
		number, err := strconv.Atoi(strings.TrimPrefix(strings.Join(args, " "), "#"))
		if err != nil {
			return "", errUsage
		}
		return "", do(s.world, number)
	}
}

// messages is a command about one message, or about those on their way now that a
// script's filter picks.
func messages(do func(w *world, number int) error) doing {
	return func(s *worldScene, args []string) (string, error) {
		if answer, err := message(do)(s, args); err != errUsage || len(args) == 0 {
			return answer, err
		}
		f, err := script.ParseFilter(args)
		if err != nil {
			return "", err
		}
		var picked []int
		for _, m := range s.world.Flights() {
			named := len(f.Numbers) == 0 || slices.Contains(f.Numbers, m.Number)
			if named && f.Picks(m.Message) && (f.Count == 0 || len(picked) < f.Count) {
				picked = append(picked, m.Number)
			}
		}
		if len(picked) == 0 {
			return "", errors.New("no such message is on its way")
		}
		return "", each(s.world, picked, func(number int) error { return do(s.world, number) })
	}
}

// each does something to several, as one event. It fails if it can be done to none.
func each[T any](w *world, all []T, do func(one T) error) error {
	return w.Together(func() (err error) {
		done := false
		for _, one := range all {
			failed := do(one)
			done, err = done || failed == nil, cmp.Or(err, failed)
		}
		if done {
			return nil
		}
		return err
	})
}

func delay(s *worldScene, args []string) (string, error) {
	if len(args) != 2 {
		return "", errUsage
	}
	number, err := strconv.Atoi(strings.TrimPrefix(args[0], "#"))
	if err != nil {
		return "", errUsage
	}
	by, err := milliseconds(args[1])
	if err != nil {
		return "", err
	}
	return "", s.world.Delay(number, by)
}
