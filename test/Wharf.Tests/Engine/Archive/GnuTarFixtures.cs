using System.IO.Compression;

namespace Wharf.Tests.Engine.Archive;

/// <summary>Archives made by GNU tar 1.34. The sparse file has 100 bytes of A to F every 50,000 bytes and 300,000 bytes in all.</summary>
internal static class GnuTarFixtures
{
    public static byte[] OldSparse => Unpack("""
        H4sIAAAAAAACA+3QyQ3CMBAF0NBJSiDgOGfWBqiACiIF6J8oCLEGDghLhPcuM7JHY+vvsu8bt2IIXW3d1Xjqq2mIZSi7flJMYpXlmwR/yw67/bbJ86yp6/2ruXf3H6Vzm0hx6Yvw/HzaMx8e50dd26
        rCuOf12LOtKp+en5dd/5zfNEtAygAAAAAMxTwBKQMAAAAwFIsEpAwAAADAUCwTkDIAAAAAQ7FKQMr8i3UCUgYAAADgXxwBZWV3OgBoAAA=
        """);

    public static byte[] Pax00 => Unpack("""
        H4sIAAAAAAACA+3TzU6EMBSG4a65Cq6AKaUUWLDw35Vx4wWgdhLjD4YyyejVSzAmDiGYmWgT4X02JRy+FE450eq62l7a6t42buXEn5Ado3W/doarNEYJmSXapDrt78dSZ7EIt8KDjWurpnsVsUzKhB
        dXN5F7rRpnI/fwbsukP5Rgt/Kyeb59qu8eXZkFKvleqddrZ9uyC+TDwFtrXallYQKVjUR0Eadq/1iRJ1JPx/KRWKwznZoDcoUxMt8/p3SRH7LfV/vT0ZwMfvf8nYd/bHr+zef1zvzHSksRSp/z39R1
        O/XcT/Xhx/0TRx4IAAAAAAAAYCaOPaDLAAAAAAAAmIsTD+gyAAAAAAAA5uLUA7oMAAAAAACAuTjzgC5jKc49oMsAAAAAAABYig+Y414XAGoAAA==
        """);

    public static byte[] Pax01 => Unpack("""
        H4sIAAAAAAACA+3UzU6DQBDA8T3zFH0AAssyLOXAwa/qyZgYHwCVQ2ORhm2TxqeXgCa2h3qxm0j/v8tOZjjszmSI4odqd1dXr3XnYqdOQvesyHD2Dk9tJFM6T8Vmkg35RIu1arZTHmzdpur6q6jzZO
        zs9v4pcuuqc3Xklh91mQ5DCfYr79vmedW+vLkyD0yyV6maunRBYX4mm2pd6lB0YUMpksyMYTFPtYxhIrlk9isurNXzMTZSzL/z40VCHSicShT3U3schrZYrurI5JlJ//hHcHz/7Rjv7b/0sZppn/vf
        te3m2He/1Q8f909ceMCWAQAAAAAAYCouPaDLAAAAAAAAmIorD+gyAAAAAAAApuLaA7oMAAAAAACAqbjxgC7jXCw8oMsAAAAAAAA4F5/ijeRUAGoAAA==
        """);

    public static byte[] Pax10 => Unpack("""
        H4sIAAAAAAACA+3UvU7DMBSGYc++il5BajuO3Qwd+CtMCAlxAZbwkKo/KC5SxdUTpUUqHcoCFk3fZ/HRSYb4Ozopxk9h+xDDa2zTOIk/oTrO2v7sHJ9Kl14oX1pX2arva2WdE6OtyOA9bULbfYq4TM
        aM7h9fivQW2hSLZZiv26mWR91m1XWVNPqwuwrLOE2yVIfNNoZFaj7itOwnKwX+t2LcTe+5H96sWcTC+Mr4X/4RnN5/p/v62/5b640YqZz7367Xm1Pv/fT8+HJnwkslraqdtLWuzK6sJ6Wyu1Jbbyu3
        r2vn1GRXG1tPvvr7VWfZz9FVBqQMAAAAAACAobjOgJQBAAAAAAAwFDcZkDIAAAAAAACG4jYDUgYAAAAAAMBQ3GVAyrgUswxIGQAAAAAAAJfiEyAgxp4AbAAA
        """);

    public static byte[] GnuLong => Unpack("""
        H4sIAAAAAAACA+2V0QqCMBSGz3VPsRfI7bi53XafL2FYJomGGXTZo3XVc6VGEQZKiEPzfAwmbnAG5/z/73CHr/wsjfw4PcAwiBKtVL2XNHfhGnx/1/8RtZDAfLDA+VQEOWOQZ1nRdq/rfKKEPeDbHv
        BdD/gFiMn0/6X/a1Vweb89Za4+NC9BGKm0p7xa/1Ki0MCETf1v4qj1XpQf/7H/+3hBIpgxzljz3wW2pvyn/Kf8H9b/gzxMBq7Rnf+ikf8K0QBDG8M58/wfg/972nz5P5L/2+l/OQD1mmgQTPPZ4+l/
        YqFGJWpjzA/+70pUwFwbwzlz/ycIYr48AI8lxcsAGAAA
        """);

    private static byte[] Unpack(string text)
    {
        var output = new MemoryStream();
        using var input = new GZipStream(new MemoryStream(Convert.FromBase64String(text)), CompressionMode.Decompress);
        input.CopyTo(output);
        return output.ToArray();
    }
}
