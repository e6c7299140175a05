using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Clients;

/// <summary>dockerode, the client of the Node.js world.</summary>
public sealed class NodeClientTests(EngineFixture engine)
{
    private const string Script = """
        const Docker = require('dockerode'), assert = require('assert'), { PassThrough } = require('stream');
        const docker = new Docker({ socketPath: process.argv[2] });
        (async () => {
          assert.equal((await docker.ping()).toString(), 'OK');
          const out = new PassThrough(); let text = ''; out.on('data', d => text += d);
          const [end, made] = await docker.run('busybox', ['sh', '-c', 'echo from node; exit 5'], out, { Tty: false, HostConfig: { AutoRemove: false } });
          assert.equal(end.StatusCode, 5); assert.ok(text.includes('from node'));
          await made.remove();
          const c = await docker.createContainer({ Image: 'busybox', Cmd: ['sleep', '600'], name: 'node-c', Labels: { node: '1' } });
          try {
            await c.start();
            assert.equal((await c.inspect()).State.Running, true);
            const exec = await c.exec({ Cmd: ['cat'], AttachStdin: true, AttachStdout: true });
            const stream = await exec.start({ hijack: true, stdin: true });
            let got = ''; const o = new PassThrough(); o.on('data', d => got += d);
            docker.modem.demuxStream(stream, o, o);
            stream.write('ping\n'); stream.end();
            await new Promise(r => stream.on('end', r));
            assert.equal(got, 'ping\n');
            const logs = await c.logs({ stdout: true, stderr: true }); assert.ok(Buffer.isBuffer(logs));
            assert.equal((await docker.listContainers({ filters: { label: ['node'] } })).length, 1);
            assert.ok((await c.stats({ stream: false })).memory_stats);
            await c.stop({ t: 0 });
          } finally { await c.remove({ force: true, v: true }); }
          await assert.rejects(docker.getContainer('node-c').inspect(), e => e.statusCode === 404 && e.reason === 'no such container');
          const n = await docker.createNetwork({ Name: 'node-n' }); await n.inspect(); await n.remove();
          const v = await docker.createVolume({ Name: 'node-v' }); await docker.getVolume('node-v').remove();
          console.log('all well');
        })().catch(e => { console.error(e); process.exit(1); });
        """;

    [Fact]
    [Covers("ExecStart"), Covers("ContainerStats", "stream")]
    public async Task Dockerode_runs_execs_and_cleans_up()
    {
        (await NpmPackages.RunAsync("dockerode", "5.0.1", Script, engine.SocketPath)).ShouldExit(0).Text.ShouldEndWith("all well");
    }
}
