using System.Diagnostics;
using System.Net.Sockets;
using System.Text;

namespace Wharf.Benchmarks.Containers;

/// <summary>200 MB of log lines through the engine: written by a container, then read back by a client.</summary>
public static class LogCases
{
    private const long Bytes = 200_000_000;
    private const string Line = "2026-11-26 request served: GET /index.html 200 from 192.0.2.17 in 3 ms, 4711 bytes sent, agent unknown";

    public static IEnumerable<(string Part, double Milliseconds)> Run(EngineClient engine, string driver)
    {
        // Files large enough that nothing is rotated away: all that was written is read.
        var id = (string)engine.Json("POST", "/containers/create", $$$"""
            {"Image":{{{EngineClient.Quote(BenchImage.Name)}}},"Cmd":["/bin/sh","-c","/bin/yes '{{{Line}}}' | /bin/head -c {{{Bytes}}}"],
             "HostConfig":{"NetworkMode":"none","LogConfig":{"Type":"{{{driver}}}","Config":{"max-size":"1g","max-file":"2"} } } }
            """)["Id"]!;
        try
        {
            var watch = Stopwatch.StartNew();
            engine.Send("POST", $"/containers/{id}/start");
            engine.Json("POST", $"/containers/{id}/wait");
            double written = watch.Elapsed.TotalMilliseconds;
            watch.Restart();
            long read = ReadLogs(engine, id);
            if (read < Bytes) throw new InvalidOperationException($"{engine.Name}: {read} of {Bytes} bytes of log came back");
            return [("written", written), ("read back", watch.Elapsed.TotalMilliseconds)];
        }
        finally { Cases.Remove(engine, id); }
    }

    /// <summary>Reads to the end of the stream without keeping it, and tells how many bytes came.</summary>
    private static long ReadLogs(EngineClient engine, string id)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(engine.Host["unix://".Length..]));
        socket.Send(Encoding.ASCII.GetBytes($"GET /v1.41/containers/{id}/logs?stdout=1 HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n"));
        var buffer = new byte[1 << 18];
        long total = 0;
        int count;
        while ((count = socket.Receive(buffer)) > 0) total += count;
        return total;
    }
}
