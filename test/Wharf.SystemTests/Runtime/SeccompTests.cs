using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using Shouldly;
using Xunit;

namespace Wharf.SystemTests.Runtime;

/// <summary>seccomp's actions, conditions and listeners.</summary>
public sealed partial class SeccompTests : IDisposable
{
    private readonly Bundle _bundle = new();

    public void Dispose() => _bundle.Dispose();

    private void Filter(string action, string syscall, int? errno = null, JsonArray? args = null)
    {
        var rule = new JsonObject { ["names"] = new JsonArray(syscall), ["action"] = action };
        if (errno is not null) rule["errnoRet"] = errno;
        if (args is not null) rule["args"] = args;
        _bundle.Linux["seccomp"] = new JsonObject { ["defaultAction"] = "SCMP_ACT_ALLOW", ["architectures"] = new JsonArray("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"), ["syscalls"] = new JsonArray(rule) };
    }

    [Theory]
    [InlineData(1, "Operation not permitted")]
    [InlineData(28, "No space left on device")]
    public async Task An_error_is_the_one_given(int errno, string words)
    {
        Filter("SCMP_ACT_ERRNO", "mkdir", errno);
        (await _bundle.InsideAsync("mkdir /tmp/x 2>&1 || true")).ShouldContain(words);
    }

    [Theory]
    [InlineData("SCMP_ACT_KILL", 159)]
    [InlineData("SCMP_ACT_KILL_PROCESS", 159)]
    [InlineData("SCMP_ACT_KILL_THREAD", 159)]
    [InlineData("SCMP_ACT_TRAP", 159)]
    [InlineData("SCMP_ACT_LOG", 0)]
    [InlineData("SCMP_ACT_ALLOW", 0)]
    public async Task An_action_ends_the_process_or_not(string action, int code)
    {
        if (action == "SCMP_ACT_ALLOW")
        {
            Filter(action, "mkdir");
            _bundle.Linux["seccomp"]!["defaultAction"] = "SCMP_ACT_LOG";
        }
        else Filter(action, "mkdir");
        (await _bundle.InsideAsync("mkdir /tmp/x; echo $?")).ShouldEndWith(code == 0 ? "0" : "159");
    }

    [Fact]
    public async Task Without_a_tracer_a_traced_call_is_missing()
    {
        Filter("SCMP_ACT_TRACE", "mkdir");
        (await _bundle.InsideAsync("mkdir /tmp/x 2>&1 || true")).ShouldContain("not implemented");
    }

    [Theory]
    [InlineData("SCMP_CMP_EQ", 511, null, "refused")]
    [InlineData("SCMP_CMP_EQ", 510, null, "made")]
    [InlineData("SCMP_CMP_NE", 510, null, "refused")]
    [InlineData("SCMP_CMP_GT", 510, null, "refused")]
    [InlineData("SCMP_CMP_GT", 511, null, "made")]
    [InlineData("SCMP_CMP_GE", 511, null, "refused")]
    [InlineData("SCMP_CMP_LT", 511, null, "made")]
    [InlineData("SCMP_CMP_LE", 511, null, "refused")]
    [InlineData("SCMP_CMP_MASKED_EQ", 448, 448, "refused")]
    [InlineData("SCMP_CMP_MASKED_EQ", 7, 5, "made")]
    public async Task A_condition_on_an_argument_decides(string op, int value, int? valueTwo, string seen)
    {
        // mkdir's second argument is the mode, 0777 from busybox.
        var condition = new JsonObject { ["index"] = 1, ["value"] = value, ["op"] = op };
        if (valueTwo is not null) condition["valueTwo"] = valueTwo;
        Filter("SCMP_ACT_ERRNO", "mkdir", 1, [condition]);
        (await _bundle.InsideAsync("mkdir /tmp/x 2> /dev/null && echo made || echo refused")).ShouldBe(seen);
    }

    [Fact]
    public async Task An_exec_is_filtered_too()
    {
        Filter("SCMP_ACT_ERRNO", "mkdir", 1);
        var id = await _bundle.StartAsync();
        (await _bundle.RuntimeAsync("exec", id, "mkdir", "/tmp/x")).ShouldExit(1).Error.ShouldContain("not permitted");
    }

    [Theory]
    [InlineData("""{"defaultAction":"SCMP_ACT_FLY"}""", "SCMP_ACT_FLY")]
    [InlineData("""{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_FLY"]}""", "SCMP_ARCH_FLY")]
    [InlineData("""{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_ERRNO","args":[{"index":0,"value":1,"op":"SCMP_CMP_FLY"}]}]}""", "SCMP_CMP_FLY")]
    public async Task A_wrong_profile_is_refused_by_the_word(string profile, string word)
    {
        _bundle.Linux["seccomp"] = JsonNode.Parse(profile);
        (await _bundle.RunAsync()).ShouldExit(1).Error.ShouldContain(word);
    }

    [LibraryImport("libc", SetLastError = true)] private static unsafe partial nint recvmsg(int socket, byte* message, int flags);
    [LibraryImport("libc", SetLastError = true)] private static unsafe partial int ioctl(int fd, nuint request, byte* argument);

    [Fact]
    public async Task A_listener_is_sent_the_descriptor_and_decides()
    {
        var path = Path.Combine(_bundle.Root, "agent.sock");
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        Filter("SCMP_ACT_NOTIFY", "mkdir");
        _bundle.Linux["seccomp"]!["listenerPath"] = path;
        _bundle.Linux["seccomp"]!["listenerMetadata"] = "told";
        var agent = Task.Run(() => Answer(listener));
        (await _bundle.InsideAsync("mkdir /tmp/x 2>&1 || true")).ShouldContain("File exists");
        var state = JsonNode.Parse(await agent)!;
        ((string?)state["metadata"]).ShouldBe("told");
        ((string?)state["fds"]![0]).ShouldBe("seccompFd");
        ((string?)state["state"]!["status"]).ShouldBe("creating");
        ((int)state["pid"]!).ShouldBeGreaterThan(1);
    }

    // Takes the descriptor and answers the first call with EEXIST (seccomp_unotify(2)).
    private static unsafe string Answer(Socket listener)
    {
        const nuint SECCOMP_IOCTL_NOTIF_RECV = 0xC0502100, SECCOMP_IOCTL_NOTIF_SEND = 0xC0182101;
        using var connection = listener.Accept();
        var data = stackalloc byte[65536];
        var control = stackalloc byte[64];
        var vector = stackalloc nint[2] { (nint)data, 65536 };
        var message = stackalloc nint[7] { 0, 0, (nint)vector, 1, (nint)control, 64, 0 };
        nint count = recvmsg((int)connection.Handle, (byte*)message, 0);
        count.ShouldBeGreaterThan(0);
        int fd = *(int*)(control + 16);
        var request = stackalloc byte[80];
        new Span<byte>(request, 80).Clear();
        ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, request).ShouldBe(0);
        var response = stackalloc byte[24];
        new Span<byte>(response, 24).Clear();
        *(ulong*)response = *(ulong*)request;
        *(int*)(response + 16) = -17;
        ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, response).ShouldBe(0);
        return Encoding.UTF8.GetString(data, (int)count);
    }
}
