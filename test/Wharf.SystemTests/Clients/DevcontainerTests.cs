using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Clients;

/// <summary>The reference implementation of development containers, as editors call it: of an image, of a Dockerfile, of compose's services.</summary>
public sealed class DevcontainerTests(EngineFixture engine)
{
    private const string Script = """
        const { execFileSync, spawnSync } = require('child_process'), assert = require('assert'), fs = require('fs'), os = require('os'), path = require('path');
        process.env.DOCKER_HOST = process.argv[2];
        const cli = path.join(__dirname, 'node_modules/@devcontainers/cli/devcontainer.js');
        const root = fs.mkdtempSync(path.join(os.tmpdir(), 'devcontainer-'));
        process.env.DOCKER_CONFIG = path.join(root, 'docker');
        fs.mkdirSync(process.env.DOCKER_CONFIG);
        fs.writeFileSync(path.join(process.env.DOCKER_CONFIG, 'config.json'), JSON.stringify({ cliPluginsExtraDirs: [process.argv[3]] }));
        const docker = (...args) => execFileSync('docker', args, { encoding: 'utf8' }).trim();
        function inside(name, files, config, look) {
          const folder = path.join(root, name);
          fs.mkdirSync(path.join(folder, '.devcontainer'), { recursive: true });
          for (const [file, text] of Object.entries(files)) fs.writeFileSync(path.join(folder, file), text);
          fs.writeFileSync(path.join(folder, '.devcontainer/devcontainer.json'), JSON.stringify({ name, remoteUser: 'root', ...config }));
          const run = (verb, ...more) => spawnSync('node', [cli, verb, '--workspace-folder', folder, ...more], { encoding: 'utf8' });
          try {
            for (const time of [1, 2]) {
              const up = run('up');
              assert.equal(up.status, 0, up.stdout + up.stderr);
              assert.equal(JSON.parse(up.stdout.trim().split('\n').pop()).outcome, 'success');
            }
            const exec = run('exec', 'sh', '-c', `${look}; exit 3`);
            assert.equal(exec.status, 3, exec.stderr);
            return exec.stdout;
          } finally {
            const left = docker('ps', '-aq', '--filter', `label=devcontainer.local_folder=${folder}`);
            if (left) docker('rm', '-f', '-v', ...left.split('\n'));
          }
        }
        try {
          assert.equal(inside('plain', {}, { image: 'busybox:latest', containerEnv: { A: 'b' }, remoteEnv: { R: 's' }, postCreateCommand: 'echo created > /created', mounts: ['type=tmpfs,target=/scratch'] },
            'cat /created; echo $A $R; pwd; stat -f -c %T /scratch'), 'created\nb s\n/workspaces/plain\ntmpfs\n');
          assert.equal(inside('built', { 'f': 'of the context\n', '.devcontainer/Dockerfile': 'FROM busybox:latest\nARG X\nCOPY f /f\nRUN echo $X > /x\n' },
            { build: { dockerfile: 'Dockerfile', context: '..', args: { X: 'y' } } }, 'cat /f /x; ls'), 'of the context\ny\nf\n');
          assert.equal(inside('services', { '.devcontainer/compose.yaml': 'services:\n  app: {image: "busybox:latest", command: sleep 600, environment: {C: d}}\n  other: {image: "busybox:latest", command: sleep 600}\n' },
            { dockerComposeFile: 'compose.yaml', service: 'app', workspaceFolder: '/' }, 'echo $C; ping -c1 -W5 other > /dev/null && echo reached'), 'd\nreached\n');
        } finally {
          const project = docker('ps', '-aq', '--filter', 'label=com.docker.compose.project=services_devcontainer');
          if (project) docker('rm', '-f', ...project.split('\n'));
          const network = docker('network', 'ls', '-q', '--filter', 'label=com.docker.compose.project=services_devcontainer');
          if (network) docker('network', 'rm', ...network.split('\n'));
          const images = docker('images', '--format', '{{.Repository}}').split('\n').filter(name => name.startsWith('vsc-'));
          if (images.length) docker('rmi', '-f', ...images);
          fs.rmSync(root, { recursive: true });
        }
        console.log('all well');
        """;

    [Fact]
    public async Task Development_containers_come_up_and_commands_run_in_them()
    {
        DockerPlugins.Require("docker-compose");
        var result = await NpmPackages.RunAsync("@devcontainers/cli", "0.89.0", Script, engine.Host, DockerPlugins.Find("docker-compose")!);
        result.ShouldExit(0).Text.ShouldEndWith("all well");
    }
}
