// Command load sends one recorded review over and over through a few kept-alive TLS connections and
// prints what it measured as JSON.
//
// Without -rate each connection sends again as soon as it has its answer (closed loop: how many per
// second). With -rate requests are due at fixed moments whatever became of the earlier ones, and a
// latency counts from the moment its request was due (open loop: how long one waits).
//
// Every answer must be a 200 that contains -expect; the first that is not ends the run.
package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

type result struct {
	Sent      int     `json:"sent"` // warm-up included
	Answers   int     `json:"answers"`
	Seconds   float64 `json:"seconds"`
	Latencies []int64 `json:"latenciesUs"`
}

type load struct {
	address string
	tls     *tls.Config
	request []byte
	expect  []byte
	begin   time.Time // of the measurement; the warm-up is before it
	end     time.Time
	rate    float64
	next    atomic.Int64
}

func main() {
	address := flag.String("address", "", "HOST:PORT of the webhook")
	path := flag.String("path", "/gate", "path to POST to")
	authority := flag.String("authority", "", "PEM file of whoever signed the webhook's certificate")
	body := flag.String("body", "", "file with the review")
	expect := flag.String("expect", "", "what every answer contains")
	connections := flag.Int("connections", 4, "how many connections")
	seconds := flag.Float64("seconds", 1, "how long to measure")
	warmUp := flag.Float64("warm-up", 0.2, "seconds before that")
	rate := flag.Float64("rate", 0, "requests per second; 0: as many as there can be")
	flag.Parse()

	measured, err := run(*address, *path, *authority, *body, *expect, *connections, *seconds, *warmUp, *rate)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(measured)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(address, path, authority, bodyFile, expect string, connections int, seconds, warmUp, rate float64) (*result, error) {
	body, err := os.ReadFile(bodyFile)
	if err != nil {
		return nil, err
	}
	pem, err := os.ReadFile(authority)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", authority)
	}
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
		path, address, len(body))
	begin := time.Now().Add(time.Duration(warmUp * float64(time.Second)))
	shared := &load{
		address: address,
		tls:     &tls.Config{RootCAs: roots, NextProtos: []string{"http/1.1"}},
		request: append([]byte(head), body...),
		expect:  []byte(expect),
		begin:   begin,
		end:     begin.Add(time.Duration(seconds * float64(time.Second))),
		rate:    rate,
	}
	return shared.all(connections)
}

func (l *load) all(connections int) (*result, error) {
	started := time.Now()
	results := make([]result, connections)
	errors := make([]error, connections)
	var group sync.WaitGroup
	for index := range connections {
		group.Go(func() { errors[index] = l.one(&results[index], started) })
	}
	group.Wait()
	total := &result{Seconds: time.Since(l.begin).Seconds()}
	for index, each := range results {
		if errors[index] != nil {
			return nil, errors[index]
		}
		total.Sent += each.Sent
		total.Answers += each.Answers
		total.Latencies = append(total.Latencies, each.Latencies...)
	}
	return total, nil
}

// one works on one connection until the end.
func (l *load) one(into *result, started time.Time) error {
	connection, err := tls.Dial("tcp", l.address, l.tls)
	if err != nil {
		return err
	}
	defer connection.Close()
	reader := bufio.NewReaderSize(connection, 64*1024)
	for {
		due := time.Now()
		if l.rate > 0 {
			due = started.Add(time.Duration(float64(l.next.Add(1)-1) / l.rate * float64(time.Second)))
			time.Sleep(time.Until(due))
		}
		if !due.Before(l.end) {
			return nil
		}
		if err := l.ask(connection, reader); err != nil {
			return err
		}
		into.Sent++
		if !due.Before(l.begin) {
			into.Answers++
			into.Latencies = append(into.Latencies, time.Since(due).Microseconds())
		}
	}
}

func (l *load) ask(connection *tls.Conn, reader *bufio.Reader) error {
	if _, err := connection.Write(l.request); err != nil {
		return err
	}
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK || !bytes.Contains(body, l.expect) {
		return fmt.Errorf("expected %q, got %d %.400s", l.expect, response.StatusCode, body)
	}
	return nil
}
