using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Clients;

/// <summary>Ansible's community.docker modules: what is as it should be stays, what is not is changed.</summary>
public sealed class AnsibleTests(EngineFixture engine)
{
    private const string Play = """
        - hosts: localhost
          connection: local
          gather_facts: false
          vars: { ansible_python_interpreter: /usr/bin/python3 }
          tasks:
            - community.docker.docker_host_info: { containers: true, images: true, networks: true, volumes: true, disk_usage: true, verbose_output: true }
            - community.docker.docker_network: { name: an-net, ipam_config: [ { subnet: 10.214.3.0/24 } ], labels: { a: b } }
              register: net
            - community.docker.docker_network: { name: an-net, ipam_config: [ { subnet: 10.214.3.0/24 } ], labels: { a: b } }
              register: net2
            - community.docker.docker_volume: { name: an-vol, labels: { a: b } }
              register: vol
            - community.docker.docker_volume: { name: an-vol, labels: { a: b } }
              register: vol2
            - community.docker.docker_container: &c { name: an-c, image: busybox:latest, command: [sleep, "600"], pull: false, env: { A: b }, memory: 64m, published_ports: ["127.0.0.1::80"], networks: [ { name: an-net, aliases: [x], ipv4_address: 10.214.3.9 } ], volumes: ["an-vol:/data", "/etc/hostname:/h:ro"], labels: { z: y }, restart_policy: on-failure, restart_retries: 2, healthcheck: { test: [CMD, "true"], interval: 1s }, ulimits: ["nofile:100:200"], sysctls: { net.core.somaxconn: 200 }, capabilities: [NET_ADMIN], tmpfs: ["/t:size=1m"], log_driver: json-file, log_options: { max-size: 1m }, dns_servers: ["127.0.0.1"], etc_hosts: { a: "10.0.0.1" }, shm_size: 32m, init: true, security_opts: ["no-new-privileges"], stop_timeout: 1, hostname: hh, user: root, working_dir: /data }
              register: c1
            - community.docker.docker_container: *c
              register: c2
            - community.docker.docker_container: { name: an-c, image: busybox:latest, memory: 48m, memory_swap: 96m, comparisons: { '*': ignore, memory: strict } , pull: false }
              register: c3
            - community.docker.docker_container_exec: { container: an-c, argv: [ sh, -c, "cat; echo $A; exit 3" ], stdin: "in" }
              register: ex
              failed_when: ex.rc != 3
            - community.docker.docker_container_copy_into: { container: an-c, content: "by ansible\n", container_path: /data/made, mode: 0640, owner_id: 0, group_id: 0 }
              register: cp1
            - community.docker.docker_container_copy_into: { container: an-c, content: "by ansible\n", container_path: /data/made, mode: 0640, owner_id: 0, group_id: 0 }
              register: cp2
            - community.docker.docker_container_info: { name: an-c }
              register: ci
            - community.docker.docker_image: { name: an-img, tag: "1", source: build, build: { path: BUILD, dockerfile: Dockerfile, args: { X: y }, pull: false } }
              register: img
            - community.docker.docker_image: { name: an-img, tag: "1", source: local, archive_path: BUILD/image.tar }
            - community.docker.docker_image: { name: an-img, tag: "1", state: absent }
            - community.docker.docker_image_load: { path: BUILD/image.tar }
              register: ld
            - community.docker.docker_image_info: { name: "an-img:1" }
              register: ii
            - community.docker.docker_image: { name: an-img, tag: "1", state: absent }
            - community.docker.docker_container: { name: an-c, state: stopped, image: busybox:latest, pull: false, comparisons: {'*': ignore} }
            - community.docker.docker_container: { name: an-c, state: absent }
            - community.docker.docker_network: { name: an-net, state: absent }
            - community.docker.docker_volume: { name: an-vol, state: absent }
            - community.docker.docker_prune: { containers: true, containers_filters: { label: nothing }, images: false }
              register: pr
            - debug:
                msg: >-
                    told: {{ net.changed }} {{ net2.changed }} {{ vol.changed }} {{ vol2.changed }} {{ c1.changed }} {{ c2.changed }} {{ c3.changed }} {{ ex.stdout_lines | join(',') }},{{ ex.rc }}
                    {{ cp1.changed }} {{ cp2.changed }} {{ ci.container.State.Status }} {{ ci.container.HostConfig.Memory }} {{ img.changed }} {{ ld.image_names | join(',') }}
                    {{ ii.images[0].RepoTags | join(',') }} {{ pr.containers | length }}
        """;

    [Fact]
    [Covers("ContainerCreate"), Covers("NetworkCreate"), Covers("VolumeCreate"), Covers("ImageGet"), Covers("ImageLoad"), Covers("PutContainerArchive")]
    public async Task A_playbook_changes_what_differs_and_nothing_twice()
    {
        var program = Programs.Find("ansible-playbook");
        var build = Directory.CreateDirectory(Path.Combine(engine.Root, "ansible")).FullName;
        await File.WriteAllTextAsync(Path.Combine(build, "Dockerfile"), "FROM busybox:latest\nARG X\nRUN echo $X > /x\n");
        await File.WriteAllTextAsync(Path.Combine(build, "play.yml"), Play.Replace("BUILD", build, StringComparison.Ordinal));
        var environment = new Dictionary<string, string> { ["DOCKER_HOST"] = engine.Host, ["HOME"] = build, ["ANSIBLE_LOCALHOST_WARNING"] = "false", ["ANSIBLE_NOCOLOR"] = "1" };
        try
        {
            var result = await CommandResult.RunAsync(program, [Path.Combine(build, "play.yml")], null, 180, environment);
            result.ShouldExit(0).Out.ShouldContain("told: True False True False True False True in,b,3 True False running 50331648 True an-img:1 an-img:1 0", Case.Sensitive, result.Out);
        }
        finally
        {
            await engine.DockerAsync("rm", "-f", "-v", "an-c");
            await engine.DockerAsync("network", "rm", "an-net");
            await engine.DockerAsync("volume", "rm", "an-vol");
            await engine.DockerAsync("rmi", "-f", "an-img:1");
        }
    }
}
