// The oracle judges chart packages with Helm's own code, both major versions, one after the other.
//
// It reads packages from standard input, each preceded by its length (4 bytes, big endian), and writes one line of JSON
// per package: {"3": verdict, "4": verdict}, where a verdict is {"metadata": …} or {"error": "…"}.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	chart3 "helm.sh/helm/v3/pkg/chart"
	loader3 "helm.sh/helm/v3/pkg/chart/loader"
	chart4 "helm.sh/helm/v4/pkg/chart/v2"
	loader4 "helm.sh/helm/v4/pkg/chart/v2/loader"
)

type verdict struct {
	Metadata any    `json:"metadata,omitempty"`
	Error    string `json:"error,omitempty"`
}

type metadata interface {
	*chart3.Metadata | *chart4.Metadata
	Validate() error
}

func main() {
	log.SetOutput(io.Discard) // Helm's warnings about old files
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	for {
		var size uint32
		if err := binary.Read(in, binary.BigEndian, &size); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			log.Panic(err)
		}
		data := make([]byte, size)
		if _, err := io.ReadFull(in, data); err != nil {
			log.Panic(err)
		}
		line, err := json.Marshal(map[string]verdict{"3": judge(helm3, data), "4": judge(helm4, data)})
		if err != nil {
			log.Panic(err)
		}
		if _, err := out.Write(append(line, '\n')); err != nil {
			log.Panic(err)
		}
		if err := out.Flush(); err != nil {
			log.Panic(err)
		}
	}
}

func helm3(data []byte) (*chart3.Metadata, error) {
	c, err := loader3.LoadArchive(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return c.Metadata, nil
}

func helm4(data []byte) (*chart4.Metadata, error) {
	c, err := loader4.LoadArchive(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return c.Metadata, nil
}

// judge loads a package and holds what `helm repo index` would write of it to what reading an index demands.
func judge[M metadata](load func([]byte) (M, error), data []byte) (result verdict) {
	defer func() {
		if problem := recover(); problem != nil {
			result = verdict{Error: fmt.Sprint("panic: ", problem)}
		}
	}()
	found, err := load(data)
	if err == nil {
		err = found.Validate()
	}
	if err != nil {
		return verdict{Error: err.Error()}
	}
	return verdict{Metadata: found}
}
