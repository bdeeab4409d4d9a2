//go:build linux

package linearizability

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

var slow = flag.Bool("slow", false, "give tests the size that takes minutes")

// programInNamespace, in the environment, says that this process has a network of
// its own, and which program to test there.
const programInNamespace = "LINEARIZABILITY_PROGRAM"

// inNamespace runs the test once more, in a process with a network of its own, which
// leaves nothing behind when it ends. There it returns the program to test; here,
// once that has ended, the empty string.
func inNamespace(t *testing.T, build func() (string, error)) (program string) {
	t.Helper()
	if program := os.Getenv(programInNamespace); program != "" {
		return program
	}
	if testing.Short() {
		t.Skip("starts real servers")
	}
	for _, tool := range []string{"ip", "tc", "nsenter"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("shapes a real network: ", err)
		}
	}
	program, err := build()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", fmt.Sprintf("-slow=%t", *slow))
	cmd.Env = append(os.Environ(), programInNamespace+"="+program)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	switch {
	case os.IsPermission(err):
		t.Skip("shapes a real network, which takes root: ", err)
	case err != nil:
		t.Fatalf("%v\n%s", err, out)
	case strings.Contains(string(out), "--- SKIP"):
		t.Skipf("%s", out)
	}
	t.Logf("%s", out)
	return ""
}

// layLine makes a network of two sides with a slow line between them, a router with
// a deep queue at each end: what leaves a server is out of its kernel's hands before
// it has to wait. It returns the address of two servers on this side and of one on
// the far side, and a process that lives there.
func layLine(t *testing.T) (hosts []string, farSide string) {
	t.Helper()
	router, far := emptyNetwork(t), emptyNetwork(t)
	for _, command := range []string{
		"ip link set lo up",
		// Not every kernel has the same; this one fills queues, as most do.
		"sysctl -q -w net.ipv4.tcp_congestion_control=reno",
		"ip link add near type veth peer name near netns ROUTER",
		"ip addr add 10.77.0.1/24 dev near",
		"ip addr add 10.77.0.2/24 dev near",
		"ip link set near up",
		"ip route add 10.77.1.0/24 via 10.77.0.254",
		"nsenter -t ROUTER -n ip addr add 10.77.0.254/24 dev near",
		"nsenter -t ROUTER -n ip link set near up",
		"nsenter -t ROUTER -n ip link add far type veth peer name far netns FAR",
		"nsenter -t ROUTER -n ip addr add 10.77.1.254/24 dev far",
		"nsenter -t ROUTER -n ip link set far up",
		"nsenter -t ROUTER -n sysctl -q -w net.ipv4.ip_forward=1",
		"nsenter -t ROUTER -n tc qdisc add dev near root tbf rate 256kbit burst 4kb limit 1mb",
		"nsenter -t ROUTER -n tc qdisc add dev far root tbf rate 256kbit burst 4kb limit 1mb",
		"nsenter -t FAR -n ip link set lo up",
		"nsenter -t FAR -n ip addr add 10.77.1.3/24 dev far",
		"nsenter -t FAR -n ip link set far up",
		"nsenter -t FAR -n ip route add 10.77.0.0/24 via 10.77.1.254",
	} {
		args := strings.Fields(strings.NewReplacer("ROUTER", router, "FAR", far).Replace(command))
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Skipf("no network can be shaped here: %s: %v: %s", command, err, out)
		}
	}
	return []string{"10.77.0.1", "10.77.0.2", "10.77.1.3"}, far
}

// emptyNetwork starts a process in a network of its own, and returns its number.
func emptyNetwork(t *testing.T) string {
	t.Helper()
	cmd := exec.Command("sleep", "infinity")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return strconv.Itoa(cmd.Process.Pid)
}
