using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Clients;

/// <summary>Testcontainers for Node.js: every way to wait, a network with names, copies, an image built from a Dockerfile.</summary>
public sealed class TestcontainersNodeTests(EngineFixture engine)
{
    private const string Script = """
        process.env.TESTCONTAINERS_RYUK_DISABLED = 'true';
        process.env.DOCKER_HOST = process.argv[2];
        const { GenericContainer, Network, Wait } = require('testcontainers'), assert = require('assert'), fs = require('fs'), os = require('os'), path = require('path');
        (async () => {
          const network = await new Network().start();
          const web = await new GenericContainer('busybox:latest').withCommand(['sh', '-c', 'mkdir /www; cp /etc/greeting /www/index.html; echo serving; exec httpd -f -p 8080 -h /www'])
            .withExposedPorts(8080).withNetwork(network).withNetworkAliases('web').withEnvironment({ A: 'b' }).withLabels({ ntc: '1' })
            .withCopyContentToContainer([{ content: 'hello', target: '/etc/greeting' }]).withTmpFs({ '/scratch': 'rw,size=1m' })
            .withWaitStrategy(Wait.forAll([Wait.forLogMessage('serving'), Wait.forListeningPorts(), Wait.forHttp('/', 8080)])).start();
          assert.equal(await (await fetch(`http://${web.getHost()}:${web.getMappedPort(8080)}/`)).text(), 'hello');
          const e = await web.exec(['sh', '-c', 'echo out; echo err >&2; exit 3']); assert.equal(e.exitCode, 3); assert.equal(e.stdout, 'out\n'); assert.equal(e.stderr, 'err\n');
          assert.equal((await web.exec(['sh', '-c', 'echo $A; stat -f -c %T /scratch'])).stdout, 'b\ntmpfs\n');
          const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ntc-'));
          fs.writeFileSync(path.join(dir, 'Dockerfile'), 'FROM busybox:latest\nARG X\nRUN echo $X > /built\nHEALTHCHECK --interval=200ms CMD true\nCMD ["sleep","600"]\n');
          const image = await GenericContainer.fromDockerfile(dir).withBuildArgs({ X: 'y' }).build('ntc-built:1');
          const client = await image.withNetwork(network).withWaitStrategy(Wait.forHealthCheck()).start();
          assert.equal((await client.exec(['wget', '-qO-', 'http://web:8080/'])).output, 'hello');
          assert.equal((await client.exec(['cat', '/built'])).output.trim(), 'y');
          const held = setInterval(() => {}, 1000); // their log streams do not keep a program alive
          const logs = await web.logs(); let text = ''; await new Promise(r => { logs.on('data', d => { text += d; if (text.includes('serving')) { logs.destroy(); r(); } }); });
          clearInterval(held);
          await web.restart({ timeout: 0 });
          await client.stop({ timeout: 0 }); await web.stop({ timeout: 0 }); await network.stop();
          fs.rmSync(dir, { recursive: true });
          console.log('all well');
        })().catch(e => { console.error(e); process.exit(1); });
        """;

    [Fact]
    [Covers("ContainerCreate"), Covers("ImageBuild", "buildargs"), Covers("ContainerLogs", "follow")]
    public async Task Containers_are_waited_for_talked_to_and_removed()
    {
        (await engine.DockerAsync("rmi", "-f", "ntc-built:1")).ExitCode.ShouldBe(0);
        (await NpmPackages.RunAsync("testcontainers", "10.28.0", Script, engine.Host)).ShouldExit(0).Text.ShouldEndWith("all well");
        (await engine.DockerAsync("ps", "-aq", "--filter", "label=org.testcontainers")).ShouldExit(0).Text.ShouldBe("");
        (await engine.DockerAsync("rmi", "-f", "ntc-built:1")).ShouldExit(0);
    }
}
