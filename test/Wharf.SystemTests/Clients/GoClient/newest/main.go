// The newest of docker's Go clients, of Engine 29 and later, which comes down to this engine's version: a run with input, an exec, a pull, and what is asked for all the
// time. Arguments and output are like the walk's.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

func main() {
	api, err := client.New(client.WithHost(os.Args[1]))
	must(err)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	ping, err := api.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true})
	must(err)
	fmt.Println("negotiated", ping.APIVersion, api.ClientVersion())
	system, err := api.Info(ctx, client.InfoOptions{})
	must(err)
	fmt.Println("info", system.Info.OSType, system.Info.Images > 0)

	name := os.Args[2] + "/go/newest:1"
	_, err = api.ImageTag(ctx, client.ImageTagOptions{Source: "busybox:latest", Target: name})
	must(err)
	push, err := api.ImagePush(ctx, name, client.ImagePushOptions{})
	must(err)
	must(push.Wait(ctx))
	removed, err := api.ImageRemove(ctx, name, client.ImageRemoveOptions{})
	must(err)
	pull, err := api.ImagePull(ctx, name, client.ImagePullOptions{})
	must(err)
	must(pull.Wait(ctx))
	image, err := api.ImageInspect(ctx, name)
	must(err)
	fmt.Println("pulled", len(removed.Items), len(image.RepoTags) > 0, image.Config.Cmd)
	failing, err := api.ImagePull(ctx, os.Args[2]+"/go/none:1", client.ImagePullOptions{})
	if err == nil {
		err = failing.Wait(ctx)
	}
	fmt.Println("pull of none", err != nil)
	_, err = api.ImageRemove(ctx, name, client.ImageRemoveOptions{})
	must(err)

	volume, err := api.VolumeCreate(ctx, client.VolumeCreateOptions{Name: "go-newest"})
	must(err)
	network, err := api.NetworkCreate(ctx, "go-newest", client.NetworkCreateOptions{Labels: map[string]string{"go-newest": "1"}})
	must(err)
	made, err := api.ContainerCreate(ctx, client.ContainerCreateOptions{Name: "go-newest", Image: "busybox:latest",
		Config:     &container.Config{Cmd: []string{"sh", "-c", "cat; echo bad >&2; sleep 600"}, OpenStdin: true, StdinOnce: true, AttachStdin: true, AttachStdout: true, AttachStderr: true},
		HostConfig: &container.HostConfig{Binds: []string{volume.Volume.Name + ":/data"}, NetworkMode: "go-newest"}})
	must(err)
	attached, err := api.ContainerAttach(ctx, made.ID, client.ContainerAttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	must(err)
	_, err = api.ContainerStart(ctx, made.ID, client.ContainerStartOptions{})
	must(err)
	_, err = io.WriteString(attached.Conn, "in\n")
	must(err)
	must(attached.CloseWrite())
	exec, err := api.ExecCreate(ctx, made.ID, client.ExecCreateOptions{Cmd: []string{"sh", "-c", "echo exec; exit 4"}, AttachStdout: true, AttachStderr: true})
	must(err)
	stream, err := api.ExecAttach(ctx, exec.ID, client.ExecAttachOptions{})
	must(err)
	fmt.Println("exec", split(stream.Reader))
	stream.Close()
	ended, err := api.ExecInspect(ctx, exec.ID, client.ExecInspectOptions{})
	must(err)
	detail, err := api.ContainerInspect(ctx, made.ID, client.ContainerInspectOptions{Size: true})
	must(err)
	listed, err := api.ContainerList(ctx, client.ContainerListOptions{Filters: make(client.Filters).Add("network", network.ID)})
	must(err)
	fmt.Println("running", ended.ExitCode, detail.Container.State.Status, detail.Container.NetworkSettings.Networks["go-newest"].IPAddress.IsValid(), len(listed.Items), detail.Container.Mounts[0].Destination)
	wait := api.ContainerWait(ctx, made.ID, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	soon := 0
	_, err = api.ContainerStop(ctx, made.ID, client.ContainerStopOptions{Timeout: &soon})
	must(err)
	select {
	case end := <-wait.Result:
		fmt.Println("ended", end.StatusCode, split(attached.Reader))
	case err := <-wait.Error:
		panic(err)
	}
	usage, err := api.DiskUsage(ctx, client.DiskUsageOptions{Containers: true, Images: true, Volumes: true, BuildCache: true, Verbose: true})
	must(err)
	fmt.Println("usage", usage.Containers.TotalCount > 0, len(usage.Images.Items) > 0, usage.Images.TotalSize > 0, usage.Volumes.TotalCount > 0)
	_, err = api.ContainerRemove(ctx, made.ID, client.ContainerRemoveOptions{Force: true})
	must(err)
	_, err = api.NetworkRemove(ctx, network.ID, client.NetworkRemoveOptions{})
	must(err)
	_, err = api.VolumeRemove(ctx, "go-newest", client.VolumeRemoveOptions{})
	must(err)
	_, err = api.ContainerInspect(ctx, "go-newest", client.ContainerInspectOptions{})
	fmt.Println("gone", errdefs.IsNotFound(err))
	fmt.Println("all well")
}

func split(stream io.Reader) []string {
	var out, bad bytes.Buffer
	_, err := stdcopy.StdCopy(&out, &bad, stream)
	must(err)
	return []string{strings.TrimSpace(out.String()), strings.TrimSpace(bad.String())}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
