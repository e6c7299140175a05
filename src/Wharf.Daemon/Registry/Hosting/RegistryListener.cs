using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Logging;
using Wharf.Daemon.Registry.Config;
using Wharf.Daemon.Registry.Http;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Registry.Hosting;

/// <summary>How the server listens for the registry: limits on connections and bodies, TLS, HTTP versions.</summary>
internal static class RegistryListener
{
    public static void Limit(KestrelServerOptions kestrel, RegistryConfig config)
    {
        kestrel.AddServerHeader = false;
        kestrel.AllowSynchronousIO = false;
        // Each handler bounds what it reads. A body nobody reads is drained for a few seconds, so that the refusal arrives, and then cut.
        kestrel.Limits.MaxRequestBodySize = null;
        kestrel.Limits.MaxConcurrentConnections = config.Limits.MaxConnections;
        kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(30);
        kestrel.Limits.KeepAliveTimeout = TimeSpan.FromMinutes(2);
        kestrel.Limits.MaxRequestHeadersTotalSize = 64 << 10; // a bearer token with many scopes is long
        kestrel.Limits.MaxRequestLineSize = 16 << 10;
        // A body that stands still holds a connection and a file: after ten seconds it must come at this rate at least.
        kestrel.Limits.MinRequestBodyDataRate = new MinDataRate(bytesPerSecond: 240, gracePeriod: TimeSpan.FromSeconds(10));
        kestrel.Limits.Http2.MaxStreamsPerConnection = 128;
        kestrel.Limits.Http2.InitialConnectionWindowSize = 4 << 20;
        kestrel.Limits.Http2.InitialStreamWindowSize = 1 << 20;
    }

    public static void Listen(KestrelServerOptions kestrel, string address, TlsConfig? tls, CertificateFile? certificate)
    {
        var end = Parse(address);
        void Shape(ListenOptions listen)
        {
            listen.Protocols = tls is null ? HttpProtocols.Http1 : HttpProtocols.Http1AndHttp2;
            if (tls is null)
            {
                listen.Use(SocketOutput.Use);
                return;
            }
            listen.UseHttps(https =>
            {
                https.ServerCertificateSelector = (_, _) => certificate!.Current;
                https.SslProtocols = System.Security.Authentication.SslProtocols.Tls12 | System.Security.Authentication.SslProtocols.Tls13;
                if (tls.ClientCa is null) return;
                https.ClientCertificateMode = tls.RequireClientCertificate ? ClientCertificateMode.RequireCertificate : ClientCertificateMode.AllowCertificate;
                // Only the configured authorities count, never the system's (CVE-2018-12608).
                https.ClientCertificateValidation = (client, _, _) => certificate!.IsFromClientCa(client);
            });
        }
        if (end is { } one) kestrel.Listen(one, Shape);
        else kestrel.ListenAnyIP(int.Parse(address[(address.LastIndexOf(':') + 1)..], CultureInfo.InvariantCulture), Shape);
    }

    /// <summary>Reads <c>host:port</c>; null for all addresses (<c>:5000</c>, <c>[::]:5000</c>, <c>0.0.0.0:5000</c> stays IPv4).</summary>
    private static IPEndPoint? Parse(string address)
    {
        int colon = address.LastIndexOf(':');
        if (colon < 0 || !ushort.TryParse(address.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ushort port)) throw WharfException.Invalid($"invalid address \"{address}\": expected HOST:PORT");
        var host = address[..colon].Trim('[', ']');
        if (host is "" or "::" or "*") return null;
        if (host == "localhost") return new IPEndPoint(IPAddress.Loopback, port);
        return IPAddress.TryParse(host, out var ip) ? new IPEndPoint(ip, port) : throw WharfException.Invalid($"invalid address \"{address}\": \"{host}\" is no IP address");
    }
}
