using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Win32.SafeHandles;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Runtime;

/// <summary>Terminals: sent to a console socket, or shown in the foreground.</summary>
public sealed partial class TerminalTests : IDisposable
{
    private readonly Bundle _bundle = new();

    public void Dispose() => _bundle.Dispose();

    [LibraryImport("libc", SetLastError = true)] private static unsafe partial nint recvmsg(int socket, byte* message, int flags);

    private Socket Listen(out string path)
    {
        path = Path.Combine(_bundle.Root, "console.sock");
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        return listener;
    }

    private static unsafe FileStream Receive(Socket listener)
    {
        using var connection = listener.Accept();
        var data = stackalloc byte[4096];
        var control = stackalloc byte[64];
        var vector = stackalloc nint[2] { (nint)data, 4096 };
        var message = stackalloc nint[7] { 0, 0, (nint)vector, 1, (nint)control, 64, 0 };
        recvmsg((int)connection.Handle, (byte*)message, 0).ShouldBeGreaterThan(0);
        return new FileStream(new SafeFileHandle(*(int*)(control + 16), ownsHandle: true), FileAccess.ReadWrite, 0);
    }

    private static async Task<string> ReadUntilAsync(FileStream master, string end)
    {
        var text = new StringBuilder();
        var buffer = new byte[4096];
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (!text.ToString().Contains(end, StringComparison.Ordinal))
        {
            int count = await Task.Run(() => master.Read(buffer)).WaitAsync(patience.Token);
            text.Append(Encoding.UTF8.GetString(buffer, 0, count));
        }
        return text.ToString();
    }

    [Fact]
    public async Task A_created_containers_terminal_is_sent_to_the_socket_with_its_size()
    {
        using var listener = Listen(out var path);
        _bundle.Process["terminal"] = true;
        _bundle.Process["consoleSize"] = new JsonObject { ["height"] = 33, ["width"] = 77 };
        _bundle.Script("stty size; tty; read line; echo got $line; test -c /dev/console && echo console; echo done; sleep 1000");
        var received = Task.Run(() => Receive(listener));
        var id = await _bundle.CreateAsync("--console-socket", path);
        await using var master = await received;
        (await _bundle.RuntimeAsync("start", id)).ShouldExit(0);
        await master.WriteAsync("words\n"u8.ToArray());
        var text = await ReadUntilAsync(master, "done");
        text.ShouldContain("33 77");
        text.ShouldContain("/dev/pts/0");
        text.ShouldContain("got words");
        text.ShouldContain("console");
    }

    [Fact]
    public async Task An_execs_terminal_is_sent_to_the_socket()
    {
        var id = await _bundle.StartAsync();
        using var listener = Listen(out var path);
        var received = Task.Run(() => Receive(listener));
        (await _bundle.BackgroundAsync("exec", "--tty", "--detach", "--console-socket", path, id, "sh", "-c", "tty; echo done; sleep 1000")).ShouldExit(0);
        await using var master = await received;
        (await ReadUntilAsync(master, "done")).ShouldContain("/dev/pts/");
    }

    [Fact]
    public async Task Without_a_socket_a_detached_terminal_is_refused()
    {
        _bundle.Process["terminal"] = true;
        _bundle.Write();
        (await _bundle.RuntimeAsync("create", "--bundle", _bundle.Location, _bundle.NewId())).ShouldExit(1).Error.ShouldContain("cannot allocate tty if runc will detach without setting console socket");
        _bundle.Process["terminal"] = false;
        _bundle.Write();
        (await _bundle.RuntimeAsync("create", "--console-socket", "/not/there", "--bundle", _bundle.Location, _bundle.NewId())).ShouldExit(1).Error.ShouldContain("cannot use console socket if runc will not detach or allocate tty");
    }

    [Fact]
    public async Task A_foreground_terminal_is_shown_on_the_callers()
    {
        _bundle.Process["terminal"] = true;
        // runc gives it its size after the start; until then stty says nothing.
        _bundle.Script("tty; for i in 1 2 3 4 5 6 7 8 9 10; do size=$(stty size 2> /dev/null); [ -z \"$size\" ] || break; sleep 1; done; echo $size; exit 4").Write();
        // script(1) is the caller with a terminal.
        var result = await CommandResult.RunAsync("script", ["-qec", $"stty rows 21 cols 55; {Bundle.Runtime} --root {_bundle.State} run --bundle {_bundle.Location} {_bundle.NewId()}", "/dev/null"]);
        result.ShouldExit(4).Out.ShouldContain("/dev/pts/0");
        result.Out.ShouldContain("21 55");
    }

    [Fact]
    public async Task The_terminal_belongs_to_the_user()
    {
        _bundle.Process["terminal"] = true;
        _bundle.Process["user"] = new JsonObject { ["uid"] = 1000, ["gid"] = 1000 };
        _bundle.Script("stat -c %u $(tty); echo more > /dev/tty").Write();
        var result = await CommandResult.RunAsync("script", ["-qec", $"{Bundle.Runtime} --root {_bundle.State} run --bundle {_bundle.Location} {_bundle.NewId()}", "/dev/null"]);
        result.ShouldExit(0).Out.ShouldContain("1000");
        result.Out.ShouldContain("more");
    }
}
