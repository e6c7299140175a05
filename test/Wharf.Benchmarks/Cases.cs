using System.Diagnostics;

namespace Wharf.Benchmarks;

/// <summary>What is measured. Each case runs one round on one engine and tells the parts it timed, in milliseconds.</summary>
public static class Cases
{
    /// <summary>The whole life of a container of <c>true</c> through the API.</summary>
    public static IEnumerable<(string Part, double Milliseconds)> Life(EngineClient engine, string network)
    {
        var watch = Stopwatch.StartNew();
        var id = (string)engine.Json("POST", "/containers/create", $$"""{"Image":{{EngineClient.Quote(BenchImage.Name)}},"Cmd":["/bin/true"],"HostConfig":{"NetworkMode":{{EngineClient.Quote(network)}} } }""")["Id"]!;
        double created = watch.Elapsed.TotalMilliseconds;
        engine.Send("POST", $"/containers/{id}/start");
        double started = watch.Elapsed.TotalMilliseconds;
        int code = (int)engine.Json("POST", $"/containers/{id}/wait")["StatusCode"]!;
        double waited = watch.Elapsed.TotalMilliseconds;
        engine.Send("DELETE", $"/containers/{id}");
        double removed = watch.Elapsed.TotalMilliseconds;
        if (code != 0) throw new InvalidOperationException($"{engine.Name}: /bin/true exited with {code}");
        return [("create", created), ("start", started - created), ("wait", waited - started), ("remove", removed - waited), ("total", removed)];
    }

    /// <summary>One exec of <c>true</c> in a running container, from create to the end of its output.</summary>
    public static IEnumerable<(string Part, double Milliseconds)> Exec(EngineClient engine, string container)
    {
        var watch = Stopwatch.StartNew();
        var id = (string)engine.Json("POST", $"/containers/{container}/exec", """{"AttachStdout":true,"AttachStderr":true,"Cmd":["/bin/true"]}""")["Id"]!;
        engine.SendRaw($"/exec/{id}/start", """{"Detach":false,"Tty":false}""");
        return [("total", watch.Elapsed.TotalMilliseconds)];
    }

    /// <summary>A stop whose signal ends the process at once: what the engine itself takes.</summary>
    public static IEnumerable<(string Part, double Milliseconds)> Stop(EngineClient engine)
    {
        var id = StartSleeper(engine, "none", stopSignal: "SIGKILL");
        var watch = Stopwatch.StartNew();
        engine.Send("POST", $"/containers/{id}/stop");
        double stopped = watch.Elapsed.TotalMilliseconds;
        Remove(engine, id);
        return [("total", stopped)];
    }

    /// <summary>Starts a container that sleeps; returns its ID.</summary>
    public static string StartSleeper(EngineClient engine, string network, string stopSignal = "SIGTERM")
    {
        var id = (string)engine.Json("POST", "/containers/create", $$"""{"Image":{{EngineClient.Quote(BenchImage.Name)}},"Cmd":["/bin/sleep","1000"],"StopSignal":"{{stopSignal}}","HostConfig":{"NetworkMode":{{EngineClient.Quote(network)}} } }""")["Id"]!;
        engine.Send("POST", $"/containers/{id}/start");
        return id;
    }

    public static void Remove(EngineClient engine, string id) => engine.Send("DELETE", $"/containers/{id}?force=1");
}
