package main

import (
	"fmt"
	"strconv"
	"strings"
)

// ranges are numbers that rise, written 0-2,5,7-9.
type ranges struct{ numbers []int }

func (r *ranges) Type() string { return "numbers" }

func (r *ranges) String() string {
	var words []string
	for i := 0; i < len(r.numbers); {
		first := r.numbers[i]
		last := first
		for i++; i < len(r.numbers) && r.numbers[i] == last+1; i++ {
			last++
		}
		word := strconv.Itoa(first)
		if last > first {
			word += "-" + strconv.Itoa(last)
		}
		words = append(words, word)
	}
	return strings.Join(words, ",")
}

// mostActions bounds what a range may hold; no run has so many.
const mostActions = 1_000_000

func (r *ranges) Set(s string) error {
	r.numbers = nil
	for word := range strings.SplitSeq(s, ",") {
		from, to, isRange := strings.Cut(word, "-")
		first, err := strconv.Atoi(from)
		last := first
		if err == nil && isRange {
			last, err = strconv.Atoi(to)
		}
		if err != nil || first < 0 || last < first || last >= mostActions {
			return fmt.Errorf("%q: want numbers and ranges that rise, as in 0-2,5,7-9", word)
		}
		for ; first <= last; first++ {
			r.numbers = append(r.numbers, first)
		}
	}
	return nil
}
