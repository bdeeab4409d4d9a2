package main

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test be the server that the program is when it is called bench echo.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "echo" {
		serveEcho()
	}
	os.Exit(m.Run())
}

// inOwnNetwork runs the test once more, in a network of its own, and tells whether this is it.
func inOwnNetwork(t *testing.T) bool {
	t.Helper()
	if os.Getenv(ownNetwork) != "" {
		return true
	}
	for _, tool := range []string{"ip", "nsenter", "bash"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("makes networks: ", err)
		}
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), ownNetwork+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, os.ErrPermission):
		t.Skip("makes networks, which takes root: ", err)
	case err != nil:
		t.Fatalf("%v\n%s", err, out)
	case strings.Contains(string(out), "--- SKIP"):
		t.Skipf("%s", out)
	}
	return false
}

func TestACutIsSilentLeavesClientsAloneAndHeals(t *testing.T) {
	t.Parallel()
	if !inOwnNetwork(t) {
		return
	}
	if err := shell("ip link set lo up"); err != nil {
		t.Skip("no network can be shaped here: ", err)
	}
	const host, port = "10.77.0.1", "2000"
	m, err := startMachines(3)
	if err != nil {
		t.Skip("no network can be shaped here: ", err)
	}
	defer m.close() //nolint:errcheck // the namespace goes anyway
	server := m.command(0, os.Args[0], "echo", net.JoinHostPort(host, port))
	server.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer server.Wait() //nolint:errcheck // it was killed, and says so
	defer server.Process.Kill()
	fromClient := func(context.Context) error {
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(host, port), time.Second)
		if err == nil {
			conn.Close()
		}
		return err
	}
	if err := until(t.Context(), fromClient); err != nil {
		t.Fatal(err)
	}
	expect := func(when string, from1 bool) {
		t.Helper()
		if err := fromClient(t.Context()); err != nil {
			t.Errorf("%s, the client does not reach the server: %v", when, err)
		}
		err := m.command(1, "timeout", "0.3", "bash", "-c", "exec 3<>/dev/tcp/"+host+"/"+port).Run()
		var exit *exec.ExitError
		silent := errors.As(err, &exit) && exit.ExitCode() == 124 // says timeout
		if from1 && err != nil || !from1 && !silent {
			t.Errorf("%s, the other machine got %v; 124 is silence", when, err)
		}
	}
	expect("before", true)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(m.cut(0))
	expect("cut off", false)
	check(m.heal(0))
	expect("healed", true)
	check(m.cut(2))
	expect("while a third machine is cut off", true)
}
