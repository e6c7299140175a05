using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Clients;

/// <summary>Debian's ruby-docker-api, on which Chef's, Puppet's and test-kitchen's tools stand.</summary>
public sealed class RubyClientTests(EngineFixture engine)
{
    private const string Script = """
        require 'docker'; require 'stringio'; require 'rubygems/package'
        Docker.url = ARGV[0]
        def tar(files) = StringIO.new.tap { |io| Gem::Package::TarWriter.new(io) { |t| files.each { |n, c| t.add_file_simple(n, 0644, c.bytesize) { |f| f.write c } } }; io.rewind }
        def expect(is, wanted) = (is == wanted or raise "#{is.inspect} where #{wanted.inspect} was expected")
        def refused(error, text) = (yield; raise 'not refused') rescue ($!.is_a?(error) && $!.message.include?(text) or raise)
        expect [Docker.version['ApiVersion'], Docker.ping, Docker.info['OSType']], ['1.51', 'OK', 'linux']
        c = Docker::Container.create('name' => 'rb-c', 'Image' => 'busybox:latest', 'Cmd' => ['sh', '-c', 'cat; echo bad >&2; exit 5'], 'OpenStdin' => true, 'StdinOnce' => true, 'AttachStdin' => true)
        expect c.tap(&:start).attach(stdin: StringIO.new("in\n")), [["in\n"], ["bad\n"]]
        expect [c.wait(10)['StatusCode'], c.logs(stdout: true).bytes.drop(8).pack('c*')], [5, "in\n"]
        c.delete(force: true)
        c = Docker::Container.create('name' => 'rb-c', 'Image' => 'busybox:latest', 'Cmd' => ['sleep', '600'], 'Labels' => { 'rb' => '1' }).start
        begin
          expect c.exec(['sh', '-c', 'echo out; echo err >&2; exit 4']), [["out\n"], ["err\n"], 4]
          expect c.exec(['cat'], stdin: StringIO.new("piped\n")), [["piped\n"], [], 0]
          c.store_file('/made', "by ruby\n"); expect c.read_file('/made'), "by ruby\n"
          whole = tar('x' => 'y'); c.archive_in_stream('/tmp', overwrite: true) { whole.read(100000).to_s }; expect c.read_file('/tmp/x'), 'y'
          got = +''; c.archive_out('/made') { |chunk| got << chunk }; expect got.bytesize, 2048
          expect c.top.map { |p| p['CMD'] || p['COMMAND'] }, ['sleep 600']
          expect [c.changes.map { |x| x['Path'] }.include?('/made'), c.stats['memory_stats'].empty?, c.json['State']['Running']], [true, false, true]
          c.rename('rb-d'); c.pause; c.unpause; c.update('CpuShares' => 512); c.restart(timeout: 0)
          expect Docker::Container.all(all: true, filters: { label: ['rb=1'] }.to_json).map { |x| x.info['Names'] }, [['/rb-d']]
          image = c.commit('repo' => 'rb-img', 'tag' => '1'); expect [Docker::Image.exist?('rb-img:1'), image.json['Os'], image.history.size], [true, 'linux', 2]
          image.tag('repo' => 'rb-img', 'tag' => '2', force: true); saved = Docker::Image.save(['rb-img:2'])
          %w[1 2].each { |tag| Docker::Image.get("rb-img:#{tag}").remove(name: "rb-img:#{tag}") }
          Docker::Image.load(StringIO.new(saved)); Docker::Image.get('rb-img:2').remove(force: true)
          built = Docker::Image.build_from_tar(tar('Dockerfile' => "FROM busybox\nRUN echo $x\nLABEL a=b\n"), 't' => 'rb-built', 'forcerm' => 'true') { |x| }
          expect built.json['Config']['Labels'], { 'a' => 'b' }
          built.remove(force: true)
          refused(Docker::Error::UnexpectedResponseError, 'returned a non-zero code: 3') { Docker::Image.build("FROM busybox\nRUN exit 3\n", 'forcerm' => 'true') }
          n = Docker::Network.create('rb-net', 'Labels' => { 'a' => 'b' }); n.connect(c.id); expect [n.json['Containers'].size, Docker::Network.get('rb-net').info['Driver']], [1, 'bridge']; n.disconnect(c.id); n.remove
          v = Docker::Volume.create('rb-vol'); expect Docker::Volume.get('rb-vol').info['Driver'], 'local'; v.remove
          types = []; Docker::Event.since(Time.now.to_i - 60, until: Time.now.to_i) { |e| types << e.type }; expect types.uniq.sort & %w[container image network], %w[container image network]
          c.kill(signal: 'SIGKILL'); expect c.wait['StatusCode'], 137
        ensure
          c.remove(force: true)
        end
        refused(Docker::Error::NotFoundError, 'No such container: rb-none') { Docker::Container.get('rb-none') }
        refused(Docker::Error::DockerError, '') { Docker::Image.create('fromImage' => '127.0.0.1:1/none') }
        puts 'all well'
        """;

    [Fact]
    [Covers("ContainerAttach"), Covers("PutContainerArchive"), Covers("ImageBuild"), Covers("SystemEvents")]
    public async Task Docker_api_of_ruby_does_all_that_scripts_do()
    {
        var path = Path.Combine(engine.Root, "client.rb");
        await File.WriteAllTextAsync(path, Script);
        (await CommandResult.RunAsync(Programs.Find("ruby"), [path, engine.Host], null, 120)).ShouldExit(0).Text.ShouldEndWith("all well");
    }
}
