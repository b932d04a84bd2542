// Command bare is the least that a Go server can do: to every request it writes the bytes of a file, headers and
// all, on connections handled by hand. It is what the bench compares the extension with, and no more: it must not
// look at what is asked for.
//
//	bare PORT FILE
package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
)

func main() {
	err := run(os.Args[1:])
	fmt.Fprintf(os.Stderr, "bare: %v\n", err)
	os.Exit(1)
}

// run serves until it cannot, and tells why.
func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("got %d arguments, want a port and a file", len(args))
	}
	answer, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:"+args[0])
	if err != nil {
		return err
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go serve(conn, answer)
	}
}

// serve answers each request that ends with what was just read; none of the bench's has a body or is longer than
// the buffer.
func serve(conn net.Conn, answer []byte) {
	defer conn.Close()
	request := make([]byte, 4<<10)
	read := 0
	for {
		n, err := conn.Read(request[read:])
		if err != nil {
			return
		}
		if read += n; !bytes.HasSuffix(request[:read], []byte("\r\n\r\n")) {
			continue
		}
		read = 0
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}
