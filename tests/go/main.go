// Checks Dossier's checkpoints and proofs with Go's own library, golang.org/x/mod/sumdb, and signs a note in return.
//
// It reads JSON from its standard input: a verifier key of Dossier's, the leaves of a tree, a signed checkpoint of every
// size, beginning with 0, proofs, and a text; and what `dossier proof` wrote, with the leaf that it is about. What doesn't hold ends it with a message and status 1. It writes JSON too:
// a verifier key of its own, the text as a note that this key signed, and how many of each it has checked.
package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type input struct {
	Verifier      string   `json:"verifier"`
	Leaves        [][]byte `json:"leaves"`
	Checkpoints   []string `json:"checkpoints"`
	Inclusions    []proof  `json:"inclusions"`
	Consistencies []proof  `json:"consistencies"`
	Files         []file   `json:"files"`
	Name          string   `json:"name"`
	Text          string   `json:"text"`
}

// A proof is of a leaf's index, or of a smaller tree's size, in a tree of another size.
type proof struct {
	Of     int64       `json:"of"`
	Size   int64       `json:"size"`
	Hashes []tlog.Hash `json:"hashes"`
}

// A file is a .tlog-proof of Dossier's, and the leaf of the log that it proves.
type file struct {
	Verifier string `json:"verifier"`
	Text     string `json:"text"`
	Leaf     []byte `json:"leaf"`
}

type output struct {
	Files         int    `json:"files"`
	Verifier      string `json:"verifier"`
	Note          string `json:"note"`
	Checkpoints   int    `json:"checkpoints"`
	Inclusions    int    `json:"inclusions"`
	Consistencies int    `json:"consistencies"`
}

func main() {
	var given input
	must(json.NewDecoder(os.Stdin).Decode(&given), "the input")
	reader := grown(given.Leaves)
	roots := checkpointRoots(given, reader)
	for _, each := range given.Inclusions {
		what := fmt.Sprintf("the proof of leaf %d in a tree of %d", each.Of, each.Size)
		leaf := tlog.RecordHash(given.Leaves[each.Of])
		must(tlog.CheckRecord(each.Hashes, each.Size, roots[each.Size], each.Of, leaf), what)
		own, err := tlog.ProveRecord(each.Size, each.Of, reader)
		must(err, what)
		mustBeSame(own, each.Hashes, what)
	}
	for _, each := range given.Consistencies {
		what := fmt.Sprintf("the proof that a tree of %d begins with one of %d", each.Size, each.Of)
		must(tlog.CheckTree(each.Hashes, each.Size, roots[each.Size], each.Of, roots[each.Of]), what)
		own, err := tlog.ProveTree(each.Size, each.Of, reader)
		must(err, what)
		mustBeSame(own, each.Hashes, what)
	}
	for _, each := range given.Files {
		checkFile(each)
	}
	verifier, signed := sign(given.Name, given.Text)
	must(json.NewEncoder(os.Stdout).Encode(output{
		len(given.Files), verifier, signed, len(given.Checkpoints), len(given.Inclusions), len(given.Consistencies),
	}), "the output")
}

// checkFile checks the signature in a .tlog-proof, and that the leaf is in the tree that was signed.
func checkFile(given file) {
	what := "a .tlog-proof"
	verifier, err := note.NewVerifier(given.Verifier)
	must(err, what)
	head, checkpoint, _ := strings.Cut(given.Text, "\n\n")
	opened, err := note.Open([]byte(checkpoint), note.VerifierList(verifier))
	must(err, what)
	tree := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(tree[1], 10, 64)
	must(err, what)
	root, err := tlog.ParseHash(tree[2])
	must(err, what)
	lines := strings.Split(head, "\n")
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	must(err, what)
	var hashes tlog.RecordProof
	for _, line := range lines[3:] {
		hash, err := tlog.ParseHash(line)
		must(err, what)
		hashes = append(hashes, hash)
	}
	must(tlog.CheckRecord(hashes, size, root, index, tlog.RecordHash(given.Leaf)), what)
}

// grown returns what reads the hashes of the tree of these leaves.
func grown(leaves [][]byte) tlog.HashReader {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		for place, index := range indexes {
			found[place] = stored[index]
		}
		return found, nil
	})
	for number, leaf := range leaves {
		hashes, err := tlog.StoredHashes(int64(number), leaf, reader)
		must(err, "a leaf")
		stored = append(stored, hashes...)
	}
	return reader
}

// checkpointRoots returns the roots in the checkpoints, once they are known to be Dossier's and those of the tree.
func checkpointRoots(given input, reader tlog.HashReader) []tlog.Hash {
	verifier, err := note.NewVerifier(given.Verifier)
	must(err, "the verifier key")
	roots := make([]tlog.Hash, len(given.Checkpoints))
	for size, checkpoint := range given.Checkpoints {
		what := fmt.Sprintf("the checkpoint of size %d", size)
		opened, err := note.Open([]byte(checkpoint), note.VerifierList(verifier))
		must(err, what)
		tree, err := tlog.ParseTree([]byte(opened.Text))
		must(err, what)
		if string(tlog.FormatTree(tree)) != opened.Text || tree.N != int64(size) {
			fail(what, "it is written in another way, or of another size")
		}
		roots[size] = tree.Hash
		if size == 0 {
			continue // older versions of the library know no root of an empty tree
		}
		own, err := tlog.TreeHash(tree.N, reader)
		must(err, what)
		mustBeSame([]tlog.Hash{own}, []tlog.Hash{tree.Hash}, what)
	}
	return roots
}

// sign returns a new verifier key and the text as a note signed with it.
func sign(name, text string) (string, string) {
	secret, verifier, err := note.GenerateKey(rand.Reader, name)
	must(err, "a new key")
	signer, err := note.NewSigner(secret)
	must(err, "a new key")
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	must(err, "a new note")
	return verifier, string(signed)
}

func mustBeSame(own, given []tlog.Hash, what string) {
	if fmt.Sprint(own) != fmt.Sprint(given) {
		fail(what, fmt.Sprintf("it is %v and should be %v", given, own))
	}
}

func must(err error, what string) {
	if err != nil {
		fail(what, err.Error())
	}
}

func fail(what, why string) {
	fmt.Fprintf(os.Stderr, "%s: %s\n", what, why)
	os.Exit(1)
}
