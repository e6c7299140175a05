package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"sort"
	"strings"

	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
)

// images: to a registry and back, into a file and back.
func (w *walk) images() {
	name := w.registry + "/go/box:1"
	must(w.api.ImageTag(w.ctx, "busybox:latest", name))
	pushed, err := w.api.ImagePush(w.ctx, name, image.PushOptions{RegistryAuth: "e30="})
	must(err)
	w.progress("push", pushed, "Pushed")
	about, err := w.api.DistributionInspect(w.ctx, name, "")
	must(err)
	say("distribution", about.Descriptor.MediaType, len(about.Platforms), about.Platforms[0].OS)
	gone, err := w.api.ImageRemove(w.ctx, name, image.RemoveOptions{})
	must(err)
	for _, g := range gone {
		say("removed", "untagged:", w.plain(g.Untagged), "deleted:", g.Deleted != "")
	}
	pulled, err := w.api.ImagePull(w.ctx, name, image.PullOptions{})
	must(err)
	w.progress("pull", pulled, "Digest:", "Status:")
	_, err = w.api.ImagePull(w.ctx, w.registry+"/go/none:1", image.PullOptions{})
	say("pull of none", strings.Contains(err.Error(), "not found"))
	listed, err := w.api.ImageList(w.ctx, image.ListOptions{Filters: filters.NewArgs(filters.Arg("reference", name))})
	must(err)
	say("list", len(listed), len(listed[0].RepoDigests), listed[0].Size > 0, listed[0].Containers >= 0, listed[0].SharedSize)
	detail, err := w.api.ImageInspect(w.ctx, name)
	must(err)
	say("inspect", w.plain(detail.RepoTags[len(detail.RepoTags)-1]), detail.Os, detail.RootFS.Type, len(detail.RootFS.Layers), detail.Config.Cmd, detail.ID == listed[0].ID)
	history, err := w.api.ImageHistory(w.ctx, name)
	must(err)
	say("history", len(history), history[0].Size > 0, history[0].Created > 0)
	saved, err := w.api.ImageSave(w.ctx, []string{name}, client.ImageSaveWithPlatforms())
	must(err)
	archive := all(saved)
	say("saved", strings.Join(namesIn(archive, false), " "))
	_, err = w.api.ImageRemove(w.ctx, name, image.RemoveOptions{Force: true, PruneChildren: true})
	must(err)
	loaded, err := w.api.ImageLoad(w.ctx, strings.NewReader(archive), client.ImageLoadWithQuiet(true))
	must(err)
	say("loaded", loaded.JSON, strings.TrimSpace(w.plain(all(loaded.Body))))
	imported, err := w.api.ImageImport(w.ctx, image.ImportSource{Source: strings.NewReader(tarOf("f", "imported")), SourceName: "-"}, "go-import:1",
		image.ImportOptions{Changes: []string{"CMD [\"/f\"]", "LABEL " + label + "=import"}, Message: "by hand"})
	must(err)
	all(imported)
	detail, err = w.api.ImageInspect(w.ctx, "go-import:1")
	must(err)
	say("imported", detail.Config.Cmd, detail.Config.Labels, detail.Comment)
	for _, n := range []string{name, "go-import:1"} {
		_, err = w.api.ImageRemove(w.ctx, n, image.RemoveOptions{})
		must(err)
	}
	_, err = w.api.ImageInspect(w.ctx, "go-none")
	refused("inspect of none", err)
	refused("tag", w.api.ImageTag(w.ctx, "busybox:latest", "go-none"+"@sha256:"+strings.Repeat("0", 64)))
	_, err = w.api.ImagePull(w.ctx, "busybox:latest", image.PullOptions{Platform: "no/such/platform/here"})
	refused("pull for a platform", err)
}

// build by the classic builder.
func (w *walk) build() {
	context := tarOf("Dockerfile", "FROM busybox\nARG who\nLABEL "+label+"=build\nCOPY f /f\nRUN echo $who > /who && cat /f\n", "f", "of the context\n", ".dockerignore", "*.md\n", "a.md", "")
	who := "go"
	built, err := w.api.ImageBuild(w.ctx, strings.NewReader(context), build.ImageBuildOptions{Tags: []string{"go-built:1"}, BuildArgs: map[string]*string{"who": &who}, Remove: true, ForceRemove: true})
	must(err)
	say("build", built.OSType)
	w.progress("build", built.Body, "Step", "of the context", "Successfully")
	detail, err := w.api.ImageInspect(w.ctx, "go-built:1")
	must(err)
	say("built", detail.Config.Labels, detail.Parent != "")
	failing, err := w.api.ImageBuild(w.ctx, strings.NewReader(tarOf("Dockerfile", "FROM busybox\nRUN exit 3\n")), build.ImageBuildOptions{ForceRemove: true})
	must(err)
	w.progress("failing build", failing.Body, "Step")
	_, err = w.api.ImageBuild(w.ctx, strings.NewReader(tarOf("Dockerfile", "FROM busybox\nNONSENSE\n")), build.ImageBuildOptions{})
	refused("nonsense", err)
	removed, err := w.api.ImageRemove(w.ctx, "go-built:1", image.RemoveOptions{PruneChildren: true})
	must(err)
	say("built removed", len(removed) > 1)
}

// progress prints those lines of a stream that begin with one of the words, and its error.
func (w *walk) progress(what string, stream io.ReadCloser, words ...string) {
	defer stream.Close()
	decoder := json.NewDecoder(stream)
	for {
		var message struct {
			Status, Stream string
			ErrorDetail    *struct {
				Code    int
				Message string
			}
		}
		if err := decoder.Decode(&message); err == io.EOF {
			return
		} else if must(err); message.ErrorDetail != nil {
			say(what, "error", message.ErrorDetail.Code, w.plain(message.ErrorDetail.Message))
		}
		for _, word := range words {
			if text := strings.TrimSpace(message.Status + message.Stream); strings.HasPrefix(text, word) {
				say(what, strings.SplitN(w.plain(text), "sha256:", 2)[0])
			}
		}
	}
}

// plain is a text without what is another at each run.
func (w *walk) plain(text string) string {
	return strings.ReplaceAll(hidden(text), w.registry, "REGISTRY")
}

func tarOf(pairs ...string) string {
	var data bytes.Buffer
	archive := tar.NewWriter(&data)
	for i := 0; i < len(pairs); i += 2 {
		must(archive.WriteHeader(&tar.Header{Name: pairs[i], Mode: 0o644, Size: int64(len(pairs[i+1]))}))
		_, err := archive.Write([]byte(pairs[i+1]))
		must(err)
	}
	must(archive.Close())
	return data.String()
}

// namesIn are an archive's names, sorted; with their contents where wanted, and without digests.
func namesIn(data string, contents bool) []string {
	seen := map[string]bool{}
	archive := tar.NewReader(strings.NewReader(data))
	for {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		must(err)
		name := hidden(header.Name)
		if contents {
			content, err := io.ReadAll(archive)
			must(err)
			name += "=" + string(content)
		}
		seen[name] = true
	}
	names := make([]string, 0, len(seen))
	for name := range seen {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
