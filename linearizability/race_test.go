//go:build race

package linearizability

// raceDetector: servers under test are watched too. One that finds a data race
// ends with an exit code that Process.Stop reports.
const raceDetector = true
