package lambdatest_test

import (
	"archive/zip"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"larder/extension/internal/lambdatest"
)

// mustZip writes a layer with empty extensions of these names.
func mustZip(t *testing.T, names ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "layer.zip")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	writer := zip.NewWriter(file)
	for _, name := range names {
		header := &zip.FileHeader{Name: "extensions/" + name}
		header.SetMode(0o755)
		if _, err := writer.CreateHeader(header); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// A layer is unpacked as Lambda does it; one without an extension, or with two, is none, and one that is missing is
// told with what to do.
func TestUnpack(t *testing.T) {
	executable, err := lambdatest.Unpack(mustZip(t, "larder"), t.TempDir())
	if err != nil || filepath.Base(executable) != "larder" {
		t.Fatalf("got %s and %v", executable, err)
	}
	if info, err := os.Stat(executable); err != nil || info.Mode().Perm()&0o100 == 0 {
		t.Errorf("it cannot be executed: %v, %v", info, err)
	}
	for _, names := range [][]string{nil, {"a", "b"}} {
		if _, err := lambdatest.Unpack(mustZip(t, names...), t.TempDir()); err == nil {
			t.Errorf("%d extensions are one", len(names))
		}
	}
	if _, err := lambdatest.Unpack("no such.zip", t.TempDir()); err == nil || !strings.Contains(err.Error(), "make layer") {
		t.Errorf("got %v", err)
	}
}

// A port that is taken on either address is passed over, also the preferred one.
func TestFreePort(t *testing.T) {
	const preferred = 11_273
	for _, address := range []string{"127.0.0.1", "::1"} {
		listener, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(preferred)))
		if err != nil {
			continue // somebody else has it, which is as good; or there is no IPv6
		}
		port, err := lambdatest.FreePort(preferred)
		listener.Close()
		if err != nil || port == preferred || port == 0 {
			t.Errorf("beside %s: got %d and %v", address, port, err)
		}
	}
	if port, err := lambdatest.FreePort(preferred); err != nil || port != preferred {
		t.Errorf("got %d and %v", port, err)
	}
}
