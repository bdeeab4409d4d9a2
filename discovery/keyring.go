package discovery

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/hashicorp/memberlist"
)

// ErrKeyFile means that Config.KeyFile cannot be used; the error says why.
var ErrKeyFile = errors.New("gossip keys")

// readKeyring reads gossip keys: 16, 24 or 32 bytes each, in base64, one a
// line. The first encrypts; all decrypt. To rotate, add the new key at the end
// everywhere, then move it to the front everywhere, then drop the old one.
func readKeyring(path string) (*memberlist.Keyring, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeyFile, err)
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
			return nil, fmt.Errorf("%w: %s: line %d is not 16, 24 or 32 bytes in base64", ErrKeyFile, path, n)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w: %s holds no key", ErrKeyFile, path)
	}
	return memberlist.NewKeyring(keys, keys[0])
}
