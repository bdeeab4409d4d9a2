package discovery

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"log"
	"log/slog"
	"os"
	"strings"

	"github.com/hashicorp/memberlist"
)

// logWriter passes the lines of Serf and memberlist, "[LEVEL] text", on to slog.
// What they call an error is one peer that does not answer, so it arrives one
// level lower; all the rest is for those who debug.
type logWriter struct{ log *slog.Logger }

func newLogger(to *slog.Logger) *log.Logger { return log.New(logWriter{to}, "", 0) }

// Write takes one line.
func (w logWriter) Write(line []byte) (int, error) {
	text := string(bytes.TrimSpace(line))
	if rest, isError := strings.CutPrefix(text, "[ERR] "); isError {
		w.log.Warn(rest)
	} else {
		w.log.Debug(text)
	}
	return len(line), nil
}

// readKeyring reads gossip keys: 16, 24 or 32 bytes each, in base64, one a
// line. The first encrypts; all decrypt. To rotate, add the new key at the end
// everywhere, then move it to the front everywhere, then drop the old one.
func readKeyring(path string) (*memberlist.Keyring, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("discovery: gossip keys: %w", err)
	}
	var keys [][]byte
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		key, err := base64.StdEncoding.DecodeString(line)
		if err == nil {
			err = memberlist.ValidateKey(key)
		}
		if err != nil {
			return nil, fmt.Errorf("discovery: gossip keys: %s line %d is not 16, 24 or 32 bytes in base64", path, n)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("discovery: gossip keys: %s holds no key", path)
	}
	return memberlist.NewKeyring(keys, keys[0])
}
