package main

import (
	"bytes"
	"encoding/json"
	"regexp"
	"sort"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/pkg/stdcopy"
	"github.com/docker/go-connections/nat"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

var digits = regexp.MustCompile(`[0-9a-f]{12,64}`)

// hidden is a text without IDs and digests.
func hidden(text string) string { return digits.ReplaceAllString(text, "ID") }

// create makes a container of busybox.
func (w *walk) create(name string, change func(*container.Config, *container.HostConfig), command ...string) string {
	config := &container.Config{Image: "busybox:latest", Cmd: command, Labels: map[string]string{label: name}}
	host := &container.HostConfig{}
	if change != nil {
		change(config, host)
	}
	made, err := w.api.ContainerCreate(w.ctx, config, host, nil, &ocispec.Platform{OS: "linux"}, name)
	must(err)
	return made.ID
}

// containers: attached before the start, waited for, and through all states.
func (w *walk) containers() {
	id := w.create("go-cat", func(c *container.Config, _ *container.HostConfig) {
		c.OpenStdin, c.StdinOnce, c.AttachStdin, c.AttachStdout, c.AttachStderr = true, true, true, true, true
	}, "sh", "-c", "cat; echo bad >&2; exit 5")
	attached, err := w.api.ContainerAttach(w.ctx, id, container.AttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	must(err)
	media, isMultiplexed := attached.MediaType()
	say("attach", media, isMultiplexed)
	ended, failed := w.api.ContainerWait(w.ctx, id, container.WaitConditionNextExit)
	must(w.api.ContainerStart(w.ctx, id, container.StartOptions{}))
	_, err = attached.Conn.Write([]byte("through\n"))
	must(err)
	must(attached.CloseWrite())
	var out, bad bytes.Buffer
	_, err = stdcopy.StdCopy(&out, &bad, attached.Reader)
	must(err)
	attached.Close()
	select {
	case end := <-ended:
		say("ended", end.StatusCode, end.Error, strings.Fields(out.String()+bad.String()))
	case err := <-failed:
		panic(err)
	}
	logs, err := w.api.ContainerLogs(w.ctx, id, container.LogsOptions{ShowStdout: true, ShowStderr: true, Tail: "1"})
	must(err)
	out.Reset()
	_, err = stdcopy.StdCopy(&out, &out, logs)
	must(err)
	say("logs", strings.TrimSpace(out.String()))
	must(w.api.ContainerRemove(w.ctx, id, container.RemoveOptions{RemoveVolumes: true}))

	id = w.create("go-c", func(c *container.Config, h *container.HostConfig) {
		c.ExposedPorts, c.Env = nat.PortSet{"80/tcp": {}}, []string{"A=b"}
		h.Memory, h.PortBindings = 64<<20, nat.PortMap{"80/tcp": {{HostIP: "127.0.0.1"}}}
		h.RestartPolicy = container.RestartPolicy{Name: "on-failure", MaximumRetryCount: 3}
	}, "sh", "-c", "trap 'exit 7' TERM; echo started; touch /made; while true; do sleep 0.1; done")
	refused("stop of what does not run", w.api.ContainerStop(w.ctx, id, container.StopOptions{}))
	must(w.api.ContainerStart(w.ctx, id, container.StartOptions{}))
	refused("second start", w.api.ContainerStart(w.ctx, id, container.StartOptions{}))
	w.until("started")
	detail, raw, err := w.api.ContainerInspectWithRaw(w.ctx, "go-c", true)
	must(err)
	say("inspect", detail.State.Status, detail.State.Running, detail.Config.Env[0], detail.HostConfig.Memory, detail.HostConfig.RestartPolicy, len(detail.NetworkSettings.Ports["80/tcp"]), *detail.SizeRw >= 0, *detail.SizeRootFs > 0, len(raw) > 0)
	listed, err := w.api.ContainerList(w.ctx, container.ListOptions{Filters: labelled(), Size: true})
	must(err)
	say("list", len(listed), listed[0].Names, listed[0].State, listed[0].Ports[0].IP, listed[0].Ports[0].PrivatePort, listed[0].HostConfig.NetworkMode, listed[0].ImageID == detail.Image)
	top, err := w.api.ContainerTop(w.ctx, id, []string{"-o", "pid,args"})
	must(err)
	say("top", top.Titles, len(top.Processes) > 0, strings.HasPrefix(top.Processes[0][1], "sh -c trap"))
	changes, err := w.api.ContainerDiff(w.ctx, id)
	must(err)
	say("diff", changes)
	w.stats(id)
	updated, err := w.api.ContainerUpdate(w.ctx, id, container.UpdateConfig{Resources: container.Resources{Memory: 48 << 20, MemorySwap: 96 << 20}, RestartPolicy: container.RestartPolicy{Name: "no"}})
	must(err)
	say("update", updated.Warnings)
	must(w.api.ContainerRename(w.ctx, id, "go-d"))
	refused("rename to nothing", w.api.ContainerRename(w.ctx, id, ""))
	must(w.api.ContainerPause(w.ctx, id))
	refused("second pause", w.api.ContainerPause(w.ctx, id))
	must(w.api.ContainerUnpause(w.ctx, id))
	wait := 5
	must(w.api.ContainerRestart(w.ctx, id, container.StopOptions{Timeout: &wait}))
	refused("remove of what runs", w.api.ContainerRemove(w.ctx, id, container.RemoveOptions{}))
	w.until("started")
	must(w.api.ContainerStop(w.ctx, id, container.StopOptions{Signal: "TERM", Timeout: &wait}))
	detail, err = w.api.ContainerInspect(w.ctx, id)
	must(err)
	say("stopped", detail.Name, detail.State.Status, detail.State.ExitCode, detail.HostConfig.Memory, detail.RestartCount)
	committed, err := w.api.ContainerCommit(w.ctx, id, container.CommitOptions{Reference: "go-commit:1", Author: "me", Comment: "why", Changes: []string{"ENV B=c"}})
	must(err)
	image, err := w.api.ImageInspect(w.ctx, committed.ID)
	must(err)
	say("commit", image.RepoTags, image.Author, image.Comment, strings.Contains(strings.Join(image.Config.Env, " "), "B=c"))
	exported, err := w.api.ContainerExport(w.ctx, id)
	must(err)
	say("export", strings.Contains(strings.Join(namesIn(all(exported), false), " "), " made"))
	must(w.api.ContainerStart(w.ctx, id, container.StartOptions{}))
	refused("kill by no signal", w.api.ContainerKill(w.ctx, id, "NONE"))
	must(w.api.ContainerKill(w.ctx, id, "KILL"))
	ended, _ = w.api.ContainerWait(w.ctx, id, container.WaitConditionNotRunning)
	say("killed", (<-ended).StatusCode)
	ended, failed = w.api.ContainerWait(w.ctx, id, container.WaitConditionRemoved)
	must(w.api.ContainerRemove(w.ctx, id, container.RemoveOptions{Force: true}))
	select {
	case end := <-ended:
		say("removed", end.StatusCode)
	case err := <-failed:
		refused("removed", err)
	}
	_, err = w.api.ContainerInspect(w.ctx, "go-d")
	refused("inspect of none", err)
	_, err = w.api.ContainerCreate(w.ctx, &container.Config{Image: "go-none:1"}, nil, nil, nil, "")
	refused("create of no image", err)
	_, err = w.api.ImagesPrune(w.ctx, filters.NewArgs(filters.Arg("dangling", "perhaps")))
	refused("prune", err)
}

// until waits for a line in the log of go-c (or go-d) that follows it from now on.
func (w *walk) until(line string) {
	listed, err := w.api.ContainerList(w.ctx, container.ListOptions{Filters: labelled()})
	must(err)
	detail, err := w.api.ContainerInspect(w.ctx, listed[0].ID)
	must(err)
	logs, err := w.api.ContainerLogs(w.ctx, listed[0].ID, container.LogsOptions{ShowStdout: true, Follow: true, Timestamps: true, Since: detail.State.StartedAt})
	must(err)
	defer logs.Close()
	header := make([]byte, 8)
	_, err = logs.Read(header)
	must(err)
	text := make([]byte, header[7])
	_, err = logs.Read(text)
	must(err)
	stamp, rest, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	_, err = time.Parse(time.RFC3339Nano, stamp)
	must(err)
	say("followed", rest == line)
}

// stats: two of a stream, and one by itself.
func (w *walk) stats(id string) {
	reader, err := w.api.ContainerStats(w.ctx, id, true)
	must(err)
	decoder := json.NewDecoder(reader.Body)
	for range 2 {
		var stats container.StatsResponse
		must(decoder.Decode(&stats))
		networks := []string{}
		for name := range stats.Networks {
			networks = append(networks, name)
		}
		sort.Strings(networks)
		say("stats", reader.OSType, stats.Name, stats.MemoryStats.Limit, stats.MemoryStats.Usage > 0, stats.CPUStats.CPUUsage.TotalUsage > 0, stats.PidsStats.Current > 0, networks)
	}
	must(reader.Body.Close())
	reader, err = w.api.ContainerStatsOneShot(w.ctx, id)
	must(err)
	var stats container.StatsResponse
	must(json.Unmarshal([]byte(all(reader.Body)), &stats))
	say("one", stats.CPUStats.CPUUsage.TotalUsage > 0, stats.PreCPUStats.CPUUsage.TotalUsage)
}
