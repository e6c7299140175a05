package main

import (
	"archive/tar"
	"bytes"
	"io"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
)

// execs: with a stream, detached, and refused.
func (w *walk) execs() {
	id := w.create("go-e", nil, "sleep", "600")
	must(w.api.ContainerStart(w.ctx, id, container.StartOptions{}))
	made, err := w.api.ContainerExecCreate(w.ctx, id, container.ExecOptions{Cmd: []string{"sh", "-c", "cat; echo $A >&2; pwd; exit 4"}, Env: []string{"A=of exec"}, WorkingDir: "/etc", AttachStdin: true, AttachStdout: true, AttachStderr: true})
	must(err)
	attached, err := w.api.ContainerExecAttach(w.ctx, made.ID, container.ExecAttachOptions{})
	must(err)
	_, err = attached.Conn.Write([]byte("in\n"))
	must(err)
	must(attached.CloseWrite())
	var out, bad bytes.Buffer
	_, err = stdcopy.StdCopy(&out, &bad, attached.Reader)
	must(err)
	attached.Close()
	detail, err := w.api.ContainerExecInspect(w.ctx, made.ID)
	must(err)
	say("exec", strings.Fields(out.String()), strings.TrimSpace(bad.String()), detail.Running, detail.ExitCode, detail.ContainerID == id)
	made, err = w.api.ContainerExecCreate(w.ctx, id, container.ExecOptions{Cmd: []string{"true"}})
	must(err)
	must(w.api.ContainerExecStart(w.ctx, made.ID, container.ExecStartOptions{Detach: true}))
	for detail.Running = true; detail.Running; time.Sleep(20 * time.Millisecond) {
		detail, err = w.api.ContainerExecInspect(w.ctx, made.ID)
		must(err)
	}
	say("detached", detail.ExitCode)
	_, err = w.api.ContainerExecCreate(w.ctx, id, container.ExecOptions{})
	refused("exec of nothing", err)
	_, err = w.api.ContainerExecInspect(w.ctx, "0000")
	refused("exec of none", err)
	must(w.api.ContainerRemove(w.ctx, id, container.RemoveOptions{Force: true}))
	_, err = w.api.ContainerExecInspect(w.ctx, made.ID)
	say("exec of a removed container", err != nil)
}

// terminal: one stream, with a size, left by its keys.
func (w *walk) terminal() {
	id := w.create("go-tty", func(c *container.Config, h *container.HostConfig) {
		c.Tty, c.OpenStdin, c.AttachStdin, c.AttachStdout = true, true, true, true
		h.ConsoleSize = [2]uint{30, 90}
	}, "sh")
	attached, err := w.api.ContainerAttach(w.ctx, id, container.AttachOptions{Stream: true, Stdin: true, Stdout: true, DetachKeys: "ctrl-x,x"})
	must(err)
	media, _ := attached.MediaType()
	must(w.api.ContainerStart(w.ctx, id, container.StartOptions{}))
	say("terminal", media, told(attached.Conn, attached.Reader, "stty size; echo E''ND\n"))
	must(w.api.ContainerResize(w.ctx, id, container.ResizeOptions{Height: 40, Width: 132}))
	say("resized", told(attached.Conn, attached.Reader, "stty size; echo E''ND\n"))
	_, err = attached.Conn.Write([]byte("\x18x"))
	must(err)
	rest, err := io.ReadAll(attached.Reader)
	must(err)
	detail, err := w.api.ContainerInspect(w.ctx, id)
	must(err)
	say("left", len(rest) < 40, detail.State.Running)
	made, err := w.api.ContainerExecCreate(w.ctx, id, container.ExecOptions{Cmd: []string{"sh"}, Tty: true, AttachStdin: true, AttachStdout: true, ConsoleSize: &[2]uint{20, 70}})
	must(err)
	exec, err := w.api.ContainerExecAttach(w.ctx, made.ID, container.ExecAttachOptions{Tty: true, ConsoleSize: &[2]uint{20, 70}})
	must(err)
	say("exec's terminal", told(exec.Conn, exec.Reader, "stty size; echo E''ND\n"))
	must(w.api.ContainerExecResize(w.ctx, made.ID, container.ResizeOptions{Height: 21, Width: 71}))
	say("exec resized", told(exec.Conn, exec.Reader, "stty size; echo E''ND\n"))
	exec.Close()
	must(w.api.ContainerRemove(w.ctx, id, container.RemoveOptions{Force: true}))
}

// told types a line into a terminal and gives back what stands before END, without the echo.
func told(to io.Writer, from interface{ ReadString(byte) (string, error) }, line string) string {
	_, err := io.WriteString(to, line)
	must(err)
	last := ""
	for {
		text, err := from.ReadString('\n')
		must(err)
		if strings.HasPrefix(text, "END") {
			return last
		}
		last = strings.TrimSpace(text)
	}
}

// files in and out of a container that does not run.
func (w *walk) files() {
	id := w.create("go-f", nil, "sleep", "600")
	must(w.api.CopyToContainer(w.ctx, id, "/etc", strings.NewReader(tarOf("given", "by go", "under/given", "deeper")), container.CopyToContainerOptions{AllowOverwriteDirWithFile: false, CopyUIDGID: true}))
	content, stat, err := w.api.CopyFromContainer(w.ctx, id, "/etc/given")
	must(err)
	say("copied", stat.Name, stat.Size, stat.Mode, stat.LinkTarget, namesIn(all(content), true))
	content, stat, err = w.api.CopyFromContainer(w.ctx, id, "/etc/under/")
	must(err)
	say("directory", stat.Name, stat.Mode.IsDir(), entries(all(content)))
	stat, err = w.api.ContainerStatPath(w.ctx, id, "/bin/sh")
	must(err)
	say("stat", stat.Name, stat.Mode.Type(), stat.LinkTarget)
	_, err = w.api.ContainerStatPath(w.ctx, id, "/none")
	refused("stat of none", err)
	refused("copy into none", w.api.CopyToContainer(w.ctx, id, "/none", strings.NewReader(tarOf()), container.CopyToContainerOptions{}))
	must(w.api.ContainerRemove(w.ctx, id, container.RemoveOptions{}))
}

func entries(data string) (names []string) {
	archive := tar.NewReader(strings.NewReader(data))
	for {
		header, err := archive.Next()
		if err == io.EOF {
			return names
		}
		must(err)
		names = append(names, header.Name)
	}
}
