package main

import (
	"fmt"
	"sort"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
)

func (w *walk) networks() {
	made, err := w.api.NetworkCreate(w.ctx, "go-net", network.CreateOptions{Labels: map[string]string{label: "net"}, Internal: true,
		IPAM: &network.IPAM{Config: []network.IPAMConfig{{Subnet: "10.213.7.0/24", Gateway: "10.213.7.1", IPRange: "10.213.7.64/26"}}}})
	must(err)
	say("network", made.ID != "", made.Warning)
	_, err = w.api.NetworkCreate(w.ctx, "go-net", network.CreateOptions{})
	refused("second network", err)
	id := w.create("go-n", nil, "sleep", "600")
	must(w.api.ContainerStart(w.ctx, id, container.StartOptions{}))
	must(w.api.NetworkConnect(w.ctx, "go-net", id, &network.EndpointSettings{Aliases: []string{"other"}, IPAMConfig: &network.EndpointIPAMConfig{IPv4Address: "10.213.7.70"}}))
	detail, err := w.api.NetworkInspect(w.ctx, made.ID, network.InspectOptions{Verbose: true})
	must(err)
	say("inspect", detail.Name, detail.Driver, detail.Scope, detail.Internal, detail.EnableIPv4, detail.IPAM.Config, detail.Containers[id].IPv4Address, detail.Containers[id].Name)
	about, err := w.api.ContainerInspect(w.ctx, id)
	must(err)
	end := about.NetworkSettings.Networks["go-net"]
	say("endpoint", end.IPAddress, end.IPPrefixLen, end.Aliases, end.Gateway, len(about.NetworkSettings.Networks))
	refused("remove of what is used", w.api.NetworkRemove(w.ctx, "go-net"))
	must(w.api.NetworkDisconnect(w.ctx, "go-net", id, true))
	say("second disconnect", hidden(w.api.NetworkDisconnect(w.ctx, "go-net", id, false).Error())) // dockerd's status is 500, Wharf's 409
	listed, err := w.api.NetworkList(w.ctx, network.ListOptions{Filters: labelled()})
	must(err)
	say("list", len(listed), listed[0].Name)
	must(w.api.ContainerRemove(w.ctx, id, container.RemoveOptions{Force: true}))
	must(w.api.NetworkRemove(w.ctx, made.ID))
	_, err = w.api.NetworkInspect(w.ctx, "go-net", network.InspectOptions{})
	refused("inspect of none", err)
}

func (w *walk) volumes() {
	made, err := w.api.VolumeCreate(w.ctx, volume.CreateOptions{Name: "go-vol", Labels: map[string]string{label: "vol"}})
	must(err)
	say("volume", made.Name, made.Driver, made.Scope, made.Mountpoint != "", made.CreatedAt != "")
	id := w.create("go-v", func(c *container.Config, h *container.HostConfig) {
		h.Mounts = []mount.Mount{{Type: mount.TypeVolume, Source: "go-vol", Target: "/data"}, {Type: mount.TypeTmpfs, Target: "/scratch", TmpfsOptions: &mount.TmpfsOptions{SizeBytes: 1 << 20}},
			{Type: mount.TypeVolume, Target: "/nameless", VolumeOptions: &mount.VolumeOptions{Labels: map[string]string{label: "nameless"}}}}
	}, "sleep", "600")
	about, err := w.api.ContainerInspect(w.ctx, id)
	must(err)
	sort.Slice(about.Mounts, func(a, b int) bool { return about.Mounts[a].Destination < about.Mounts[b].Destination })
	for _, m := range about.Mounts {
		say("mount", m.Type, m.Destination, m.RW, m.Driver, m.Name != "")
	}
	refused("remove of what is used", w.api.VolumeRemove(w.ctx, "go-vol", true))
	listed, err := w.api.VolumeList(w.ctx, volume.ListOptions{Filters: labelled()})
	must(err)
	say("list", len(listed.Volumes), listed.Warnings)
	must(w.api.ContainerRemove(w.ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true}))
	listed, err = w.api.VolumeList(w.ctx, volume.ListOptions{Filters: labelled()})
	must(err)
	say("left", len(listed.Volumes), listed.Volumes[0].Name)
	must(w.api.VolumeRemove(w.ctx, "go-vol", false))
	_, err = w.api.VolumeInspect(w.ctx, "go-vol")
	refused("inspect of none", err)
}

// events since the beginning of the walk, then as they come.
func (w *walk) events() {
	id := w.create("go-ev", nil, "true")
	coming, _ := w.api.Events(w.ctx, events.ListOptions{Filters: filters.NewArgs(filters.Arg("container", id))})
	time.Sleep(200 * time.Millisecond)
	must(w.api.ContainerStart(w.ctx, id, container.StartOptions{}))
	for action := events.ActionCreate; action != events.ActionDie; {
		message := <-coming
		action = message.Action
		say("event", message.Type, action, message.Actor.Attributes["name"], message.Actor.Attributes["exitCode"], message.Actor.ID == id, message.Scope)
	}
	must(w.api.ContainerRemove(w.ctx, id, container.RemoveOptions{}))
	past, ended := w.api.Events(w.ctx, events.ListOptions{Since: fmt.Sprint(w.begun.Unix()), Until: fmt.Sprint(time.Now().Add(time.Second).Unix()),
		Filters: filters.NewArgs(filters.Arg("type", "container"), filters.Arg("event", "destroy"), filters.Arg("event", "create"), filters.Arg("label", label+"=go-ev"))})
	for {
		select {
		case message := <-past:
			say("past", message.Type, message.Action, message.Actor.Attributes["name"])
			continue
		case err := <-ended:
			say("past ended", err)
		}
		return
	}
}

func (w *walk) prune() {
	id := w.create("go-p", nil, "true")
	_, err := w.api.NetworkCreate(w.ctx, "go-pnet", network.CreateOptions{Labels: map[string]string{label: "p"}})
	must(err)
	_, err = w.api.VolumeCreate(w.ctx, volume.CreateOptions{Name: "go-pvol", Labels: map[string]string{label: "p"}})
	must(err)
	usage, err := w.api.DiskUsage(w.ctx, types.DiskUsageOptions{Types: []types.DiskUsageObject{types.ContainerObject, types.ImageObject}})
	must(err)
	found := 0
	for _, c := range usage.Containers {
		if c.ID == id {
			found++
		}
	}
	say("usage", found, len(usage.Images) > 0, usage.LayersSize > 0, usage.Volumes == nil)
	containers, err := w.api.ContainersPrune(w.ctx, labelled())
	must(err)
	say("containers", len(containers.ContainersDeleted), containers.ContainersDeleted[0] == id)
	networks, err := w.api.NetworksPrune(w.ctx, labelled())
	must(err)
	say("networks", networks.NetworksDeleted)
	volumes, err := w.api.VolumesPrune(w.ctx, filters.NewArgs(filters.Arg("label", label+"=p"), filters.Arg("all", "true")))
	must(err)
	say("volumes", volumes.VolumesDeleted)
	_, err = w.api.ImageRemove(w.ctx, "go-commit:1", image.RemoveOptions{})
	must(err)
	images, err := w.api.ImagesPrune(w.ctx, labelled())
	must(err)
	say("images", len(images.ImagesDeleted))
	cache, err := w.api.BuildCachePrune(w.ctx, build.CachePruneOptions{Filters: filters.NewArgs(filters.Arg("id", "none"))})
	must(err)
	say("cache", len(cache.CachesDeleted), cache.SpaceReclaimed)
}
