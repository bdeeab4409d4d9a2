//go:build !race

package linearizability

const raceDetector = false
