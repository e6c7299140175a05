using System.Diagnostics;
using Google.Protobuf;
using Grpc.Core;
using Shouldly;
using Wharf.BuildKit.Protocol.Sessions;
using Wharf.SystemTests.Fixtures;
using Xunit;
using static Wharf.BuildKit.Protocol.Sessions.Packet.Types;

namespace Wharf.SystemTests.Build;

/// <summary>Clients whose session answers the builder with more, or something else, than it was asked for (SECURITY.md classes A, E and F).</summary>
public sealed class HostileSessionTests(EngineFixture engine) : IDisposable
{
    private const uint File = 0x1a4, Link = 1u << 27 | 0x1ff, Folder = 1u << 31 | 0x1ed;
    private const string CopyAll = "FROM busybox\nCOPY . /p/\nRUN find /p -exec ls -ld {} + && cat /p/* /p/*/* 2>/dev/null; true\n";

    private readonly EngineApi _api = new(engine.SocketPath);
    private readonly HostMarker _host = new();

    public void Dispose()
    {
        _api.Dispose();
        _host.Dispose();
    }

    private static Packet Listed(string path, uint mode, string link = "", long size = 0) => new() { Stat = new Stat { Path = path, Mode = mode, Linkname = link, Size = size } };

    private static Packet Bytes(uint id, string text) => new() { Type = PacketType.Data, Id = id, Data = ByteString.CopyFromUtf8(text) };

    /// <summary>Sends packets, then goes on as an honest client would.</summary>
    private static AnswerFiles Sends(params Packet[] packets) => async (asked, answer, _) =>
    {
        foreach (var packet in packets) await answer.WriteAsync(packet);
        await answer.WriteAsync(new Packet());
        while (await asked.MoveNext(default) && asked.Current.Type != PacketType.Fin)
        {
            await answer.WriteAsync(Bytes(asked.Current.Id, "planted"));
            await answer.WriteAsync(Bytes(asked.Current.Id, ""));
        }
        await answer.WriteAsync(new Packet { Type = PacketType.Fin });
    };

    /// <summary>Builds with a session; gives the error that the build ended with, or null. Afterwards the engine must serve the next one.</summary>
    private async Task<string?> BuildAsync(AnswerFiles files, string? dockerfile = CopyAll, Func<byte[]>? secret = null, string sharedKey = "")
    {
        string? error;
        await using (var session = await HostileSession.OpenAsync(engine.SocketPath, dockerfile, files, secret, sharedKey)) error = await BuildAsync(session);
        _host.ShouldBeUntouched();
        return error;
    }

    private async Task<string?> BuildAsync(HostileSession session)
    {
        var answer = await _api.PostAsync($"/build?version=2&nocache=1&remote=client-session&buildid={Guid.NewGuid():n}&session={session.Id}");
        answer.Text.ShouldNotContain(_host.Secret);
        if (answer.Status != 200) return answer.Message;
        return answer.StreamError;
    }

    [Theory] // CVE-2014-6407, CVE-2020-10696, CVE-2024-24579: paths
    [InlineData("../planted")]
    [InlineData("d/../../planted")]
    [InlineData("OUT/planted")]
    [InlineData("not-listed/planted")]
    [InlineData("d//planted")]
    [InlineData("./planted")]
    [InlineData("d/..")]
    [InlineData("planted\0")]
    public async Task A_listed_path_is_a_name_in_a_listed_directory(string path)
    {
        var error = await BuildAsync(Sends(Listed("d", Folder), Listed(path.Replace("OUT", _host.Directory, StringComparison.Ordinal), File)));
        if (engine.IsWharf || path.Contains("..", StringComparison.Ordinal)) error.ShouldNotBeNull();
    }

    [Fact] // CVE-2014-9356, CVE-2022-4122, CVE-2026-17106: links
    public async Task A_listed_link_leads_to_nothing_of_the_host()
    {
        (await BuildAsync(Sends(Listed("d", Link, _host.Directory), Listed("d/planted", File)))).ShouldNotBeNull();
        (await BuildAsync(Sends(Listed("f", Link, _host.File), Listed("f", File)))).ShouldNotBeNull();
        (await BuildAsync(Sends(Listed("h", File, _host.File)))).ShouldNotBeNull();
        (await BuildAsync(Sends(Listed("h", File, "../../../../../../../.." + _host.File)))).ShouldNotBeNull();
        // A second name of a link, that the builder would write through if it followed it.
        await BuildAsync(Sends(Listed("f", Link, _host.File), Listed("h", File, "f")));
        await BuildAsync(Sends(Listed("d", Link, _host.Directory), Listed("f", Link, _host.File)), "FROM busybox\nCOPY f d /p/\nRUN cat /p/marker\n");
        await BuildAsync(Sends(Listed("d", Link, _host.Directory)), "FROM busybox\nRUN --mount=type=bind,source=d,target=/m,rw cat /m/marker; touch /m/planted; true\n");
    }

    [Fact] // GHSA-vp35-85q5-9f25, CVE-2022-4122
    public async Task A_Dockerfile_and_an_ignore_file_that_are_links_are_none_of_the_hosts()
    {
        foreach (var target in new[] { _host.File, "../../../../../../../../.." + _host.File, "/proc/self/environ" })
            (await BuildAsync(Sends(Listed(".dockerignore", Link, target), Listed("Dockerfile", Link, target)), dockerfile: null)).ShouldNotBeNull().ShouldContain("failed to read dockerfile");
        (await BuildAsync(Sends(Listed("Dockerfile", Folder)), dockerfile: null)).ShouldNotBeNull();
    }

    /// <summary>The copy of a client's directory is kept for its next build, which may be made to meet a link in the place of a directory.</summary>
    [Fact]
    public async Task What_is_kept_of_one_build_is_no_way_out_for_the_next()
    {
        var key = Guid.NewGuid().ToString("n");
        (await BuildAsync(Sends(Listed("d", Folder), Listed("d/f", File, size: 7)), sharedKey: key)).ShouldBeNull();
        (await BuildAsync(Sends(Listed("d", Link, _host.Directory)), sharedKey: key)).ShouldBeNull();
        (await BuildAsync(Sends(Listed("d", Link, _host.Directory), Listed("d/f", File, size: 7)), sharedKey: key)).ShouldNotBeNull();
        (await BuildAsync(Sends(Listed("d", Folder), Listed("d/f", File, size: 7)), sharedKey: key)).ShouldBeNull();
    }

    [Fact]
    public async Task Packets_out_of_turn_end_the_build()
    {
        if (!engine.IsWharf) Assert.Skip("what docker makes of these is its own affair");
        (await BuildAsync(Sends(Bytes(7, "x")))).ShouldBe("data for a file that was not asked for: 7");
        (await BuildAsync(Sends(Listed("f", File), new Packet(), Listed("g", File)))).ShouldBe("the client sends more files than allowed");
        (await BuildAsync(Sends(new Packet(), new Packet()))).ShouldBe("the client ends its list twice");
        (await BuildAsync(Sends(new Packet { Type = PacketType.Err, Data = ByteString.CopyFromUtf8("no\n" + new string('x', 1 << 20)) }))).ShouldNotBeNull().ShouldStartWith("error from sender: no");
        (await BuildAsync((_, answer, _) => answer.WriteAsync(Listed("f", File)))).ShouldBe("the client ended before all its files were here");
        (await BuildAsync(Sends(Listed("long", Folder), Listed("long/" + string.Join('/', Enumerable.Repeat(new string('x', 200), 25)), File)))).ShouldNotBeNull().ShouldContain("too long");
        (await BuildAsync(Sends(new Packet { Stat = new Stat { Path = "f", Mode = File, Xattrs = { ["user.x"] = ByteString.CopyFrom(new byte[1 << 20]) } } }))).ShouldNotBeNull();
    }

    /// <summary>A size is only what the client says; more or less than it is what the file has.</summary>
    [Fact]
    public async Task A_wrong_size_is_nobodys_but_the_files()
    {
        (await BuildAsync(Sends(Listed("more", File, size: 1), Listed("less", File, size: long.MaxValue), Listed("negative", File, size: -1)),
            "FROM busybox\nCOPY . /p/\nRUN cat /p/more /p/less /p/negative > /all && test $(cat /all) = plantedplantedplanted\n")).ShouldBeNull();
    }

    /// <summary>Attributes that overlayfs or a security module would take for its own do not come in, nor devices.</summary>
    [Fact]
    public async Task Attributes_and_devices_of_the_kernels_do_not_come_with_files()
    {
        var directory = new Packet { Stat = new Stat { Path = "d", Mode = Folder, Xattrs = { ["trusted.overlay.opaque"] = ByteString.CopyFromUtf8("y"), ["trusted.overlay.redirect"] = ByteString.CopyFromUtf8("/etc") } } };
        var device = new Packet { Stat = new Stat { Path = "sda", Mode = 1u << 26 | File, Devmajor = 8 } };
        (await BuildAsync(Sends(directory, Listed("d/f", File), device, Listed("pipe", 1u << 25 | File)), "FROM busybox\nCOPY . /p/\nRUN test -f /p/d/f && test ! -b /p/sda && test ! -e /p/d/passwd\n")).ShouldBeNull();
    }

    /// <summary>CVE-2024-23650's kind: a client that never sends what it listed holds no more than its connection.</summary>
    [Fact]
    public async Task A_long_list_that_is_never_filled_costs_no_descriptors()
    {
        if (!engine.IsWharf) Assert.Skip("looks at the daemon's process");
        var listed = new TaskCompletionSource();
        var session = await HostileSession.OpenAsync(engine.SocketPath, CopyAll, async (asked, answer, cancellation) =>
        {
            for (int i = 0; i < 20_000; i++) await answer.WriteAsync(Listed($"f{i:d5}", File, size: 1));
            await answer.WriteAsync(new Packet());
            for (int i = 0; i < 20_000; i++) await asked.MoveNext(cancellation);
            listed.SetResult();
            await Task.Delay(Timeout.Infinite, cancellation);
        });
        var building = BuildAsync(session);
        await listed.Task.WaitAsync(CommandResult.Patience(60));
        Directory.GetFiles($"/proc/{engine.DaemonPid}/fd").Length.ShouldBeLessThan(1000);
        await session.DisposeAsync();
        (await building.WaitAsync(CommandResult.Patience(30))).ShouldNotBeNull();
        Directory.EnumerateDirectories(Path.Combine(engine.DataRoot, "build", "local"), "once-*").ShouldBeEmpty();
    }

    [Fact]
    public async Task Bytes_without_end_end_with_the_client()
    {
        if (!engine.IsWharf) Assert.Skip("looks into the data root");
        var sent = new TaskCompletionSource();
        var session = await HostileSession.OpenAsync(engine.SocketPath, CopyAll, async (asked, answer, cancellation) =>
        {
            await answer.WriteAsync(Listed("endless", File, size: 1));
            await answer.WriteAsync(new Packet());
            await asked.MoveNext(cancellation);
            var chunk = new string('x', 1 << 20);
            for (int i = 0; !cancellation.IsCancellationRequested; i++)
            {
                await answer.WriteAsync(Bytes(0, chunk), cancellation);
                if (i == 64) sent.SetResult();
            }
        });
        var building = BuildAsync(session);
        await sent.Task.WaitAsync(CommandResult.Patience(60));
        await session.DisposeAsync();
        (await building.WaitAsync(CommandResult.Patience(30))).ShouldNotBeNull();
        Directory.EnumerateDirectories(Path.Combine(engine.DataRoot, "build", "local"), "once-*").ShouldBeEmpty();
    }

    [Fact]
    public async Task A_message_and_a_secret_have_a_limit()
    {
        if (!engine.IsWharf) Assert.Skip("looks at the daemon's process");
        var chunk = new string('x', 32 << 20);
        (await BuildAsync(async (asked, answer, _) =>
        {
            await answer.WriteAsync(Listed("f", File, size: 1));
            await answer.WriteAsync(new Packet());
            await asked.MoveNext(default);
            await answer.WriteAsync(Bytes(0, chunk));
        })).ShouldNotBeNull();
        (await BuildAsync(Sends(), "FROM busybox\nRUN --mount=type=secret,id=x,required true\n", () => new byte[32 << 20])).ShouldNotBeNull();
        using var daemon = Process.GetProcessById(engine.DaemonPid);
        daemon.WorkingSet64.ShouldBeLessThan(1L << 30);
    }

    [Fact] // CVE-2022-4318's kind: a value that would become another variable, or end the list of them
    public async Task A_secret_is_one_variable_whatever_it_holds()
    {
        var error = await BuildAsync(Sends(), "FROM busybox\nRUN --mount=type=secret,id=x,env=X test -z \"$INJECTED\" && test \"$X\" = \"$(printf 'a\\nINJECTED=1')\"\n", () => "a\nINJECTED=1"u8.ToArray());
        error.ShouldBeNull();
        (await BuildAsync(Sends(), "FROM busybox\nRUN --mount=type=secret,id=x,env=X true\n", () => "a\0INJECTED=1"u8.ToArray())).ShouldNotBeNull();
    }

    [Fact] // a target that is a link of the image's leads within the image
    public async Task A_secrets_target_is_in_the_steps_root()
    {
        foreach (var target in new[] { "", $",target={_host.Empty}/planted", ",target=/l/planted", ",target=../../../../l/planted" })
            await BuildAsync(Sends(), $"FROM busybox\nRUN mkdir -p /run && ln -s {_host.Empty} /run/secrets && ln -s {_host.Empty} /l\nRUN --mount=type=secret,id=x{target} true\n", () => "planted"u8.ToArray());
    }
}
