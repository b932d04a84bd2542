package main_test

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"larder/extension/internal/awstest"
	"larder/extension/internal/lambdatest"
)

// walk is a run of the extension, of which every trace is searched at its end: what it wrote to its outputs and to
// CloudWatch Logs, what it told Lambda, the failures that it answered, the headers of all answers, and files.
//
// It may write nothing to a disk, as the kernel counts it, and make no file in the folders that it could think its own.
type walk struct {
	*scene
	p       *process
	met     *encounters
	folder  string
	secrets []string

	mu      sync.Mutex
	answers strings.Builder
}

// encounters is what all walks together came by.
type encounters struct {
	mu       sync.Mutex
	statuses map[int]bool
	codes    map[string]bool
	outcomes map[string]bool
}

func newWalk(t *testing.T, met *encounters, lambda lambdatest.Options) *walk {
	t.Helper()
	w := &walk{scene: newSceneOf(t, lambda, awstest.Options{}), met: met, folder: t.TempDir()}
	keys := awstest.Keys{
		AccessKeyID:     "ASIA" + newSecret(1, false),
		SecretAccessKey: newSecret(2, false),
		SessionToken:    newSecret(3, false) + "/+==", // as AWS's are
	}
	w.aws.Credentials.SetKeys(keys)
	w.token = keys.SessionToken
	w.keep(keys.AccessKeyID, keys.SecretAccessKey, keys.SessionToken, strings.TrimPrefix(w.aws.Credentials.Token(), "container-"))
	w.aws.Secrets.PutString(secretName, w.secret(4))
	w.aws.Secrets.Put(awstest.Secret{Name: "binary", Binary: []byte(w.secret(5))})
	w.aws.Secrets.PutString("denied", w.secret(6))
	w.aws.Secrets.Deny("denied")
	w.aws.Parameters.PutString(parameterName, w.secret(7))
	w.aws.Parameters.PutSecure("/secure", w.secret(8))
	w.keep(w.aws.Parameters.Ciphertext("/secure"))
	return w
}

// keep adds to what may stand nowhere.
func (w *walk) keep(secrets ...string) { w.secrets = append(w.secrets, secrets...) }

// secret makes one that needs escapes in most forms.
func (w *walk) secret(seed uint64) string {
	secret := newSecret(seed, true)
	w.keep(secret)
	return secret
}

// launch starts the extension at level debug.
func (w *walk) launch(settings ...string) {
	w.t.Helper()
	w.t.Cleanup(w.search) // after the process's own end
	command := exec.Command(executable)
	command.Dir = w.folder
	w.p = w.launchCommand(command, nil, append(settings, "TMPDIR="+w.folder, "HOME="+w.folder))
}

func (w *walk) start(settings ...string) {
	w.t.Helper()
	w.launch(settings...)
	w.p.mustWaitIdle()
}

// ask sends a request and keeps what of the answer may hold no secret. It may be called from any goroutine.
func (w *walk) ask(r request) answer {
	a, err := w.p.try(r)
	if err != nil {
		w.t.Errorf("%s: %v", r.target, err)
		return a
	}
	w.keepAnswer(a)
	return a
}

func (w *walk) keepAnswer(a answer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fmt.Fprintln(&w.answers, a.header)
	if a.status != http.StatusOK {
		fmt.Fprintln(&w.answers, a.body)
	}
	w.met.mu.Lock()
	defer w.met.mu.Unlock()
	w.met.statuses[a.status] = true
	w.met.codes[a.header.Get("X-Larder-Error")] = true
}

func (w *walk) get(targets ...string) {
	for _, target := range targets {
		w.ask(request{target: target})
	}
}

// send writes what is no request that a client of HTTP makes.
func (w *walk) send(text string) {
	conn := w.mustDial("")
	if _, err := io.WriteString(conn, text); err != nil {
		w.t.Error(err)
	}
	w.keepAnswer(mustReadAnswer(w.t, conn, http.MethodGet))
}

// search looks for secrets in all that the run left behind.
func (w *walk) search() {
	var delivered string
	for _, text := range w.delivered() {
		delivered += text + "\n"
	}
	lines, err := parseLines(w.p.stdout.String() + delivered)
	if err != nil {
		w.t.Error(err)
	}
	w.met.mu.Lock()
	for _, l := range lines {
		w.met.outcomes[l.Outcome] = true
	}
	w.met.mu.Unlock()
	traces := map[string]string{
		"standard output":    w.p.stdout.String(),
		"standard error":     w.p.stderr.String(),
		"the log group":      delivered,
		"the streams' names": strings.Join(w.aws.Logs.Streams(logGroup), "\n"),
		"an answer":          w.answers.String(),
		"a report to Lambda": fmt.Sprint(w.lambda.Reports()),
	}
	h := newHunt(w.secrets)
	for where, text := range traces {
		checkNothingSecret(w.t, w.scene, where, text)
		if form, around := h.find(text); form != "" {
			w.t.Errorf("%s holds something secret (%s): …%s…", where, form, around)
		}
	}
	if blocks := w.p.cmd.ProcessState.SysUsage().(*syscall.Rusage).Oublock; blocks > 0 {
		w.t.Errorf("%d blocks were written to a disk", blocks)
	}
	err = filepath.WalkDir(w.folder, func(path string, _ fs.DirEntry, err error) error {
		if err == nil && path != w.folder {
			err = errors.New(path + " was made")
		}
		return err
	})
	if err != nil {
		w.t.Error(err)
	}
}

// Nothing that makes a file, writes into one by its name or maps one into memory is linked. One function that makes
// temporary files is: the HTTP server would use it for the files of a form that is longer than any body may be.
func TestNoFileIsWritten(t *testing.T) {
	t.Parallel()
	path, err := plainExecutable()
	if err != nil {
		t.Fatal(err)
	}
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	symbols, err := file.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	linked := make(map[string]bool)
	for _, symbol := range symbols {
		linked[symbol.Name] = true
	}
	if !linked["os.OpenFile"] || !linked["os.CreateTemp"] {
		t.Error("the names are others than they were: this test proves nothing")
	}
	for _, name := range []string{
		"os.Create", "os.WriteFile", "os.MkdirTemp", "os.Mkdir", "os.MkdirAll", "os.Rename", "os.Link", "os.Symlink", "os.Truncate",
		"os.(*File).Truncate", "os.(*File).WriteAt", "syscall.Mmap", "syscall.Mknod", "syscall.Creat",
	} {
		if linked[name] {
			t.Errorf("%s is linked", name)
		}
	}
}

// unmet are the codes to which no walk leads: a bug in Larder is not to be had on demand.
var unmet = []string{"InternalError"}

// What README.md's table lists: statuses, and in brackets the codes of X-Larder-Error.
var (
	statusRow  = regexp.MustCompile(`(?m)^\| ([0-9]{3}(?:, [0-9]{3})*) \| (.*?) \|`)
	inBrackets = regexp.MustCompile(`\([^()]*\)`)
	listedCode = regexp.MustCompile("`[A-Z][A-Za-z]+`")
)

// Whatever is asked of the extension and whatever happens to it, at level debug: no value, token or credential is in
// anything that leaves the process but the answer it was asked for, as it is or as base64, hexadecimal digits, bytes,
// escapes or a hash, and nothing is written into a file. The walks lead through every status and code that README.md
// lists, and through every outcome of the record.
func TestNothingSecretIsTold(t *testing.T) {
	t.Parallel()
	met := &encounters{statuses: make(map[int]bool), codes: make(map[string]bool), outcomes: make(map[string]bool)}
	together(t, walks, func(t *testing.T, walk func(*testing.T, *encounters)) { walk(t, met) })
	if t.Failed() {
		return
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range statusRow.FindAllStringSubmatch(string(readme), -1) {
		statuses, codes := strings.Split(row[1], ", "), listedCode.FindAllString(strings.Join(inBrackets.FindAllString(row[2], -1), " "), -1)
		for _, code := range codes {
			if code = strings.Trim(code, "`"); !met.codes[code] && !slices.Contains(unmet, code) {
				t.Errorf("no walk led to %s", code)
			}
		}
		for _, status := range statuses {
			if n, _ := strconv.Atoi(status); !met.statuses[n] && n != http.StatusInternalServerError {
				t.Errorf("no walk led to the status %s", status)
			}
		}
	}
	if len(met.codes) < 20 {
		t.Errorf("the walks led to %d codes", len(met.codes))
	}
	for _, outcome := range []string{"hit", "miss", "refresh", "stale", "negative", "error", "denied"} {
		if !met.outcomes[outcome] {
			t.Errorf("no walk led to the outcome %s", outcome)
		}
	}
}
