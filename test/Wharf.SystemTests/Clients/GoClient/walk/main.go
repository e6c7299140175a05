// A walk through the Engine API with docker's own Go client. Everything that can be told the same on every engine is printed; the test compares it with what dockerd
// 28.5 made it print. Arguments: the engine's address, and that of a registry.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"
)

const label = "go-client"

// walk holds what each step needs.
type walk struct {
	ctx      context.Context
	api      *client.Client
	registry string
	begun    time.Time
}

func main() {
	api, err := client.NewClientWithOpts(client.WithHost(os.Args[1]), client.WithAPIVersionNegotiation())
	must(err)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	w := &walk{ctx, api, os.Args[2], time.Now()}
	w.version()
	w.images()
	w.build()
	w.containers()
	w.execs()
	w.terminal()
	w.files()
	w.networks()
	w.volumes()
	w.events()
	w.prune()
	say("all well")
}

// version is asked for in the way every command of the docker CLI begins.
func (w *walk) version() {
	ping, err := w.api.Ping(w.ctx)
	must(err)
	say("ping", ping.APIVersion, ping.OSType, ping.BuilderVersion, ping.Experimental, ping.SwarmStatus.NodeState)
	w.api.NegotiateAPIVersion(w.ctx)
	say("negotiated", w.api.ClientVersion())
	version, err := w.api.ServerVersion(w.ctx)
	must(err)
	say("version", version.APIVersion, version.MinAPIVersion, version.Os, version.Components[0].Name)
	info, err := w.api.Info(w.ctx)
	must(err)
	say("info", info.OSType, info.Swarm.LocalNodeState, info.MemoryLimit, info.PidsLimit, info.DefaultRuntime != "", info.ID != "", info.NCPU > 0)
	_, err = w.api.SwarmInspect(w.ctx)
	refused("swarm", err)
}

func say(what string, facts ...any) {
	fmt.Println(strings.TrimSuffix(fmt.Sprintln(append([]any{what}, facts...)...), "\n"))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// refused tells an error by what the client makes of its status, and by its text.
func refused(what string, err error) {
	kind := "unexpected"
	switch {
	case err == nil:
		kind = "nil"
	case errdefs.IsNotFound(err):
		kind = "not found"
	case errdefs.IsConflict(err):
		kind = "conflict"
	case errdefs.IsInvalidArgument(err):
		kind = "invalid"
	case errdefs.IsUnavailable(err):
		kind = "unavailable"
	case errdefs.IsNotModified(err):
		kind = "not modified"
	case errors.Is(err, context.DeadlineExceeded):
		kind = "too late"
	}
	say(what, kind+":", strings.ReplaceAll(hidden(fmt.Sprint(err)), url.PathEscape(strings.TrimPrefix(os.Args[1], "unix://")), "SOCKET"))
}

func all(r io.ReadCloser) string {
	defer r.Close()
	data, err := io.ReadAll(r)
	must(err)
	return string(data)
}

func labelled() filters.Args { return filters.NewArgs(filters.Arg("label", label)) }
