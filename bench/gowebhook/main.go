// Command gowebhook is the least a validating webhook can do, for comparison: it decodes the fields
// that one rule needs, denies an UPDATE that lowers spec.replicas, and answers. It reads nothing from
// an API server, logs nothing and counts nothing.
package main

import (
	"encoding/json"
	"flag"
	"io"
	"log"
	"net/http"
)

type scaled struct {
	Spec struct {
		Replicas int64 `json:"replicas"`
	} `json:"spec"`
}

type review struct {
	Request struct {
		UID       string `json:"uid"`
		Operation string `json:"operation"`
		Object    scaled `json:"object"`
		OldObject scaled `json:"oldObject"`
	} `json:"request"`
}

type status struct {
	Message string `json:"message"`
	Code    int    `json:"code"`
}

type response struct {
	UID     string  `json:"uid"`
	Allowed bool    `json:"allowed"`
	Status  *status `json:"status,omitempty"`
}

type answer struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Response   response `json:"response"`
}

func decide(asked *review) response {
	request := &asked.Request
	if request.Operation == "UPDATE" && request.Object.Spec.Replicas < request.OldObject.Spec.Replicas {
		return response{UID: request.UID, Status: &status{Message: "fewer replicas than before", Code: http.StatusForbidden}}
	}
	return response{UID: request.UID, Allowed: true}
}

func handle(writer http.ResponseWriter, incoming *http.Request) {
	body, err := io.ReadAll(incoming.Body)
	if err != nil {
		http.Error(writer, "the body ended early", http.StatusBadRequest)
		return
	}
	var asked review
	if err := json.Unmarshal(body, &asked); err != nil {
		http.Error(writer, "not an AdmissionReview", http.StatusBadRequest)
		return
	}
	encoded, err := json.Marshal(answer{"admission.k8s.io/v1", "AdmissionReview", decide(&asked)})
	if err != nil {
		http.Error(writer, "no answer", http.StatusInternalServerError)
		return
	}
	writer.Header().Set("Content-Type", "application/json")
	_, _ = writer.Write(encoded)
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "HOST:PORT")
	certificate := flag.String("certificate", "", "PEM file")
	key := flag.String("key", "", "PEM file")
	flag.Parse()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /gate", handle)
	server := &http.Server{Addr: *listen, Handler: mux}
	log.Fatal(server.ListenAndServeTLS(*certificate, *key))
}
