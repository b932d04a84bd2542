// This file is the layers that are published.

package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// layer is one architecture's zip. Lambda keeps one zip a version, so each architecture has a layer of its own.
type layer struct {
	name         string // as Lambda knows it
	architecture types.Architecture
	path         string
	zip          []byte
}

// readLayers reads both architectures' zips from the folder.
func readLayers(folder, name string) ([]layer, error) {
	var layers []layer
	for _, architecture := range []types.Architecture{types.ArchitectureX8664, types.ArchitectureArm64} {
		l := layer{name: name + "-" + string(architecture), architecture: architecture}
		l.path = filepath.Join(folder, l.name+".zip")
		var err error
		if l.zip, err = os.ReadFile(l.path); err != nil {
			return nil, fmt.Errorf("reading layer: %w", err)
		}
		layers = append(layers, l)
	}
	return layers, nil
}

// digest is the zip's SHA-256 as sha256sum prints it.
func (l layer) digest() string {
	sum := sha256.Sum256(l.zip)
	return hex.EncodeToString(sum[:])
}

// codeSha256 is the same as Lambda tells it.
func (l layer) codeSha256() string {
	sum := sha256.Sum256(l.zip)
	return base64.StdEncoding.EncodeToString(sum[:])
}
