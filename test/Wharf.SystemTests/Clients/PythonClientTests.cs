using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Clients;

/// <summary>Debian's python3-docker: what scripts do with it.</summary>
public sealed class PythonClientTests(EngineFixture engine)
{
    private const string Script = """
        import docker, io, tarfile, sys
        client = docker.DockerClient(base_url=sys.argv[1], version='auto')
        assert client.ping()
        assert client.api.api_version == '1.51', client.api.api_version
        assert client.containers.run('busybox', 'echo hello', remove=True) == b'hello\n'
        try:
            client.containers.run('busybox', 'sh -c "echo bad >&2; exit 3"', remove=True)
            assert False
        except docker.errors.ContainerError as e:
            assert e.exit_status == 3 and e.stderr == b'bad\n', e
        try:
            client.containers.get('py-nope')
            assert False
        except docker.errors.NotFound as e:
            assert 'No such container: py-nope' in e.explanation
        network = client.networks.create('py-net', labels={'py': '1'})
        volume = client.volumes.create('py-vol', labels={'py': '1'})
        c = client.containers.run('busybox', 'sleep 600', name='py-c', detach=True, network='py-net', mem_limit='64m', environment={'A': 'b'},
                                  volumes={'py-vol': {'bind': '/data', 'mode': 'rw'}}, labels={'py': '1'}, tty=False, stdin_open=True, ports={'80/tcp': ('127.0.0.1', None)})
        try:
            c.reload()
            assert c.status == 'running' and c.name == 'py-c' and c.labels == {'py': '1'}
            assert c.attrs['HostConfig']['Memory'] == 64 * 1024 * 1024
            assert c.ports['80/tcp'][0]['HostIp'] == '127.0.0.1'
            code, (out, err) = c.exec_run(['sh', '-c', 'echo out; echo err >&2; exit 4'], demux=True)
            assert (code, out, err) == (4, b'out\n', b'err\n')
            assert c.exec_run(['sh', '-c', 'echo $A']).output == b'b\n'
            socket = c.exec_run('cat', stdin=True, socket=True).output
            socket._sock.sendall(b'through'); socket._sock.shutdown(1)
            assert b'through' in socket.read(100)
            data = io.BytesIO()
            with tarfile.open(fileobj=data, mode='w') as tar:
                info = tarfile.TarInfo('f'); info.size = 4; tar.addfile(info, io.BytesIO(b'file'))
            assert c.put_archive('/data', data.getvalue())
            bits, stat = c.get_archive('/data/f')
            assert stat['name'] == 'f' and stat['size'] == 4
            assert tarfile.open(fileobj=io.BytesIO(b''.join(bits))).extractfile('f').read() == b'file'
            assert any(p[-1].startswith('sleep') for p in c.top()['Processes'])
            assert c.stats(stream=False)['memory_stats']['limit'] == 64 * 1024 * 1024
            c.pause(); c.reload(); assert c.status == 'paused'; c.unpause()
            assert any(d['Path'] == '/data' for d in c.diff())
            image = c.commit('py-img', 'one', message='m', author='a')
            assert image.tags == ['py-img:one'] and image.history()[0]['Comment'] == 'm'
            saved = b''.join(image.save(named=True))
            client.images.remove('py-img:one')
            assert client.images.load(saved)[0].tags == ['py-img:one']
            client.images.remove('py-img:one')
            try:
                client.images.load(b'abc')
                assert False
            except docker.errors.ImageLoadError:
                pass
            built, logs = client.images.build(fileobj=io.BytesIO(b'FROM busybox\nARG x\nLABEL x=$x\n'), tag='py-built', buildargs={'x': 'y'}, rm=True)
            assert built.labels == {'x': 'y'} and any('Successfully built' in l.get('stream', '') for l in logs)
            client.images.remove('py-built')
            c.kill('SIGKILL'); assert c.wait()['StatusCode'] == 137
            c.rename('py-d'); c.restart(timeout=0); c.stop(timeout=0)
            assert [x.name for x in client.containers.list(all=True, filters={'label': 'py'})] == ['py-d']
            events = list(client.events(since=1, until=2, decode=True))
            assert events == []
            network.disconnect(c); network.connect(c, aliases=['other']); network.reload()
        finally:
            client.containers.get('py-d' if client.containers.list(all=True, filters={'name': 'py-d'}) else 'py-c').remove(force=True)
            network.remove(); volume.remove()
        df = client.df()
        assert set(df) >= {'LayersSize', 'Images', 'Containers', 'Volumes', 'BuildCache'}, df.keys()
        print('all well')
        """;

    [Fact]
    [Covers("ContainerAttach"), Covers("ExecStart"), Covers("ImageLoad"), Covers("SystemDataUsage")]
    public async Task Python3_docker_does_all_that_scripts_do()
    {
        var path = Path.Combine(engine.Root, "client.py");
        await File.WriteAllTextAsync(path, Script);
        var result = await CommandResult.RunAsync("/usr/bin/python3", [path, engine.Host], null, 120);
        result.ShouldExit(0).Out.ShouldContain("all well");
        result.Text.ShouldEndWith("all well");
    }
}
