using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using Microsoft.Data.Sqlite;
using Shouldly;
using Wharf.Daemon.Registry.Scanning;
using Xunit;

namespace Wharf.Tests.Daemon.Registry.Scanning;

/// <summary>What each package manager writes down, read.</summary>
public sealed class PackageFilesTests
{
    private static string[] Read(string path, byte[] file) => [.. PackageFiles.ParserOf(path).ShouldNotBeNull(path)(file).Select(package => $"{package.Type} {package.Name} {package.Version}").Order(StringComparer.Ordinal)];
    private static string[] Read(string path, string text) => Read(path, Encoding.UTF8.GetBytes(text));

    [Fact]
    public void Node()
    {
        Read("app/node_modules/@babel/core/package.json", """{"name":"@babel/core","version":"7.1.0","dependencies":{"x":"1"}}""").ShouldBe(["npm @babel/core 7.1.0"]);
        PackageFiles.ParserOf("app/package.json").ShouldBeNull("what an application calls itself is no package");
        PackageFiles.ParserOf("app/node_modules/x/package-lock.json").ShouldBeNull();
        Read("app/package-lock.json", """{"lockfileVersion":3,"packages":{"":{"name":"app","version":"1.0.0"},"node_modules/a":{"version":"1.2.3"},"node_modules/a/node_modules/@s/b":{"version":"2.0.0"},"node_modules/alias":{"name":"real","version":"3.0.0"},"node_modules/here":{"link":true}}}""")
            .ShouldBe(["npm @s/b 2.0.0", "npm a 1.2.3", "npm real 3.0.0"]);
        Read("app/package-lock.json", """{"lockfileVersion":1,"dependencies":{"a":{"version":"1.2.3","dependencies":{"b":{"version":"2.0.0"}}}}}""").ShouldBe(["npm a 1.2.3", "npm b 2.0.0"]);
        Read("yarn.lock", "# yarn lockfile v1\n\n\"@s/b@^2.0.0\", \"@s/b@~2.0\":\n  version \"2.0.1\"\n  resolved \"https://x\"\n\na@^1:\n  version \"1.2.3\"\n  dependencies:\n    b \"^2\"\n").ShouldBe(["npm @s/b 2.0.1", "npm a 1.2.3"]);
        Read("yarn.lock", "__metadata:\n  version: 8\n\n\"a@npm:^1.0\":\n  version: 1.2.3\n  resolution: \"a@npm:1.2.3\"\n\n\"app@workspace:.\":\n  version: 0.0.0-use.local\n").ShouldBe(["npm a 1.2.3"]);
        Read("pnpm-lock.yaml", "lockfileVersion: '9.0'\n\nimporters:\n\n  .:\n    dependencies:\n      x:\n        version: 1.0.0\n\npackages:\n\n  '@s/b@2.0.0':\n    resolution: {integrity: x}\n\n  a@1.2.3(peer@1.0.0):\n    resolution: {}\n\n  /c/3.0.0_peer:\n    dev: false\n").ShouldBe(["npm @s/b 2.0.0", "npm a 1.2.3", "npm c 3.0.0"]);
    }

    [Fact]
    public void Python()
    {
        Read("usr/lib/python3/dist-packages/Jinja2-2.11.3.dist-info/METADATA", "Metadata-Version: 2.1\nName: Jinja2\nVersion: 2.11.3\n\nName: none\nVersion: 0\n").ShouldBe(["pypi jinja2 2.11.3"]);
        Read("usr/lib/python3/dist-packages/zope.interface-5.egg-info/PKG-INFO", "Name: zope.interface\nVersion: 5.0\n").ShouldBe(["pypi zope-interface 5.0"]);
        Read("usr/lib/python3/dist-packages/six-1.16.0.egg-info", "Name: six\nVersion: 1.16.0\n").ShouldBe(["pypi six 1.16.0"]);
        Read("app/poetry.lock", "[[package]]\nname = \"a\"\nversion = \"1.0\"\n\n[package.dependencies]\nname = \"none\"\nversion = \"9\"\n\n[[package]]\nname = \"b_c\"\nversion = \"2.0\"\n\n[metadata]\nversion = \"1\"\n").ShouldBe(["pypi a 1.0", "pypi b-c 2.0"]);
        Read("app/Pipfile.lock", """{"default":{"a":{"version":"==1.0"},"local":{"path":"."}},"develop":{"d":{"version":"==9"}}}""").ShouldBe(["pypi a 1.0"]);
    }

    [Fact]
    public void Others()
    {
        Read("app/Cargo.lock", "version = 3\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"serde\"\nversion = \"1.0.0\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n").ShouldBe(["cargo serde 1.0.0"]);
        PackageFiles.ParserOf("root/.cargo/registry/src/x/Cargo.lock").ShouldBeNull();
        Read("src/go.mod", "module example.com/app\n\ngo 1.22\n\nrequire golang.org/x/net v0.7.0 // indirect\n\nrequire (\n\tgithub.com/a/b v1.2.3\n\tgithub.com/c/d v1.0.0\n)\n\nreplace github.com/c/d => github.com/e/d v1.0.1\n").ShouldBe(["golang github.com/a/b 1.2.3", "golang github.com/e/d 1.0.1", "golang golang.org/x/net 0.7.0"]);
        Read("app/App.deps.json", """{"libraries":{"App/1.0.0":{"type":"project"},"Newtonsoft.Json/12.0.3":{"type":"package"}}}""").ShouldBe(["nuget newtonsoft.json 12.0.3"]);
        Read("app/packages.lock.json", """{"version":1,"dependencies":{"net8.0":{"A":{"type":"Direct","resolved":"1.0.0"},"app":{"type":"Project"}}}}""").ShouldBe(["nuget a 1.0.0"]);
        Read("app/Gemfile.lock", "GIT\n  remote: x\n  specs:\n    own (0.1)\n\nGEM\n  remote: https://rubygems.org/\n  specs:\n    nokogiri (1.15.4-x86_64-linux)\n      racc (~> 1.4)\n    racc (1.7.1)\n\nDEPENDENCIES\n  nokogiri\n").ShouldBe(["gem nokogiri 1.15.4", "gem racc 1.7.1"]);
        Read("var/lib/gems/3.1.0/specifications/net-http-2-0.1.gemspec", "").ShouldBe(["gem net-http-2 0.1"]);
        Read("var/lib/gems/3.1.0/specifications/nokogiri-1.15.4-x86_64-linux.gemspec", "").ShouldBe(["gem nokogiri 1.15.4"]);
        Read("app/composer.lock", """{"packages":[{"name":"Symfony/http-kernel","version":"v4.4.1"}],"packages-dev":[{"name":"d/e","version":"1"}]}""").ShouldBe(["composer symfony/http-kernel 4.4.1"]);
        Read("app/vendor/composer/installed.json", """[{"name":"a/b","version":"1.0.0"}]""").ShouldBe(["composer a/b 1.0.0"]);
        Read("opt/app.jar", Zip(("META-INF/maven/g/a/pom.properties", Encoding.UTF8.GetBytes("version=1.0\r\ngroupId=g\r\nartifactId=a\r\n")), ("BOOT-INF/lib/log4j-core.jar", Zip(("META-INF/maven/l/c/pom.properties", "groupId=org.apache.logging.log4j\nartifactId=log4j-core\nversion=2.14.1\n"u8.ToArray())))))
            .ShouldBe(["maven g:a 1.0", "maven org.apache.logging.log4j:log4j-core 2.14.1"]);
        foreach (var path in (string[])["etc/passwd", "app/index.js", "usr/share/METADATA", "app/x.gemspec"]) PackageFiles.ParserOf(path).ShouldBeNull(path);
    }

    private static byte[] Zip(params (string Name, byte[] Bytes)[] entries)
    {
        using var memory = new MemoryStream();
        using (var zip = new ZipArchive(memory, ZipArchiveMode.Create, leaveOpen: true))
            foreach (var (name, bytes) in entries)
            {
                using var entry = zip.CreateEntry(name).Open();
                entry.Write(bytes);
            }
        return memory.ToArray();
    }

    /// <summary>A header as rpm's database has it, as long as asked.</summary>
    private static byte[] Header(string name, string version, string release, uint epoch, string source, int padding)
    {
        var data = new MemoryStream();
        var index = new MemoryStream();
        var word = new byte[4];
        int count = 0;
        void Number(Stream to, uint value)
        {
            BinaryPrimitives.WriteUInt32BigEndian(word, value);
            to.Write(word);
        }
        void Tag(uint tag, uint type, byte[] value)
        {
            foreach (var part in (uint[])[tag, type, (uint)data.Length, 1]) Number(index, part);
            data.Write(value);
            count++;
        }
        void Text(uint tag, string text) => Tag(tag, 6, [.. Encoding.UTF8.GetBytes(text), 0]);
        var big = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(big, epoch);
        if (epoch > 0) Tag(1003, 4, big);
        Text(1000, name);
        Text(1001, version);
        Text(1002, release);
        Text(1005, new string('d', padding));
        Text(1044, source);
        var header = new MemoryStream();
        Number(header, (uint)count);
        Number(header, (uint)data.Length);
        header.Write(index.ToArray());
        header.Write(data.ToArray());
        return header.ToArray();
    }

    private static readonly byte[][] _headers = [Header("bash", "5.1.8", "6.el9", 0, "bash-5.1.8-6.el9.src.rpm", 10), Header("openssl-libs", "3.0.7", "27.el9", 1, "openssl-3.0.7-27.el9.src.rpm", 90_000), Header("gpg-pubkey", "1", "1", 0, "", 3000)];
    private static readonly string[] _found = ["rpm bash 5.1.8-6.el9", "rpm openssl-libs 1:3.0.7-27.el9"];

    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    [InlineData(65536)]
    public void Rpm_in_SQLite(int pageSize)
    {
        var path = Path.GetTempFileName();
        try
        {
            using (var database = new SqliteConnection($"Data Source={path};Pooling=False"))
            {
                database.Open();
                void Run(string sql, byte[]? blob = null)
                {
                    using var command = database.CreateCommand();
                    command.CommandText = sql;
                    if (blob is not null) command.Parameters.AddWithValue("$b", blob);
                    command.ExecuteNonQuery();
                }
                Run($"PRAGMA page_size={pageSize}");
                Run("CREATE TABLE 'Name' (key TEXT, hnum INTEGER)");
                Run("CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)");
                foreach (var header in _headers) Run("INSERT INTO Packages (blob) VALUES ($b)", header);
                for (int i = 0; i < 300; i++) Run("INSERT INTO Packages (blob) VALUES ($b)", Header($"p{i}", "1", "1", 0, "p-1-1.src.rpm", i * 7));
            }
            var file = File.ReadAllBytes(path);
            var found = PackageFiles.ParserOf("var/lib/rpm/rpmdb.sqlite")!(file).ToList();
            found.Count.ShouldBe(302);
            found.Where(package => !package.Name.StartsWith('p')).Select(package => $"{package.Type} {package.Name} {package.Version}").ShouldBe(_found);
            found[1].Source.ShouldBe("openssl");
            Spoil(file, "var/lib/rpm/rpmdb.sqlite");
        }
        finally { File.Delete(path); }
    }

    /// <summary>A real database, written by Berkeley DB's own program: packages on pages, over several pages, and many of them.</summary>
    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    [InlineData(65536)]
    public void Rpm_in_Berkeley_DB(int pageSize)
    {
        if (!File.Exists("/usr/bin/db5.3_load")) Assert.Skip("no db5.3_load (Debian's db5.3-util)");
        var headers = _headers.Concat(Enumerable.Range(0, 300).Select(i => Header($"p{i}", "1", "1", 0, "p-1-1.src.rpm", i * 7))).ToList();
        // rpm keeps under number 0 which number comes next.
        var text = new StringBuilder($"VERSION=3\nformat=bytevalue\ntype=hash\ndb_pagesize={pageSize}\nHEADER=END\n 00000000\n 2f010000\n");
        for (int i = 0; i < headers.Count; i++) text.Append(CultureInfo.InvariantCulture, $" {BinaryPrimitives.ReverseEndianness(i + 1):x8}\n {Convert.ToHexStringLower(headers[i])}\n");
        text.Append("DATA=END\n");
        var directory = Directory.CreateTempSubdirectory("wharf-bdb-").FullName;
        try
        {
            File.WriteAllText(directory + "/dump", text.ToString());
            using (var load = Process.Start("/usr/bin/db5.3_load", ["-f", directory + "/dump", directory + "/Packages"]))
            {
                load.WaitForExit();
                load.ExitCode.ShouldBe(0);
            }
            var file = File.ReadAllBytes(directory + "/Packages");
            var found = PackageFiles.ParserOf("var/lib/rpm/Packages")!(file).ToList();
            found.Count.ShouldBe(302);
            found.Where(package => !package.Name.StartsWith('p')).Select(package => $"{package.Type} {package.Name} {package.Version}").Order().ShouldBe(_found);
            Spoil(file, "var/lib/rpm/Packages");
        }
        finally { Directory.Delete(directory, recursive: true); }
    }

    /// <summary>Spoiled, it is refused or gives less, and does nothing else.</summary>
    private static void Spoil(byte[] file, string path)
    {
        var random = new Random(1);
        for (int round = 0; round < 300; round++)
        {
            var spoiled = (byte[])file.Clone();
            for (int i = 0; i < 20; i++) spoiled[random.Next(round % 2 == 0 ? spoiled.Length : 2000)] = (byte)random.Next(256);
            try { PackageFiles.ParserOf(path)!(spoiled).Count().ShouldBeLessThan(100_000); }
            catch (InvalidDataException) { /* refused */ }
        }
    }

    [Fact]
    public void Rpm_in_its_own_database()
    {
        var file = new byte[4096];
        Encoding.ASCII.GetBytes("RpmP").CopyTo(file, 0);
        file[12] = 1;
        for (int slot = 32; slot < 4096; slot += 16) Encoding.ASCII.GetBytes("Slot").CopyTo(file, slot);
        for (int i = 0; i < _headers.Length; i++)
        {
            int slot = 64 + 16 * i;
            BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(slot + 4), (uint)i + 1);
            BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(slot + 8), (uint)file.Length / 16);
            var head = new byte[16];
            Encoding.ASCII.GetBytes("BlbS").CopyTo(head, 0);
            BinaryPrimitives.WriteUInt32LittleEndian(head.AsSpan(4), (uint)i + 1);
            BinaryPrimitives.WriteUInt32LittleEndian(head.AsSpan(12), (uint)_headers[i].Length);
            file = [.. file, .. head, .. _headers[i], .. new byte[16 - _headers[i].Length % 16]];
        }
        Read("usr/lib/sysimage/rpm/Packages.db", file).ShouldBe(_found);
        Should.Throw<InvalidDataException>(() => Read("usr/lib/sysimage/rpm/Packages.db", file[..^5000]));
    }

    [Fact]
    public void Go_programs_carry_the_list_of_their_modules()
    {
        const string List = "path\texample.com/app\nmod\texample.com/app\t(devel)\t\ndep\tgolang.org/x/net\tv0.7.0\th1:x\ndep\tgithub.com/c/d\tv1.0.0\n=>\tgithub.com/e/d\tv1.0.1\th1:y\n";
        static byte[] Text(string text) => [(byte)((text.Length & 0x7f) | (text.Length > 127 ? 0x80 : 0)), .. text.Length > 127 ? new[] { (byte)(text.Length >> 7) } : [], .. Encoding.UTF8.GetBytes(text)];
        byte[] mark = [0xff, .. " Go buildinf:"u8];
        var random = new byte[100_000];
        new Random(3).NextBytes(random);
        // The mark as a text of the program's own, then at the wrong place with nothing behind it.
        byte[] file = [.. "\u007fELF"u8, .. random, .. mark, .. random[..30_014], .. mark, 8, 2];
        file = [.. file, .. new byte[(16 - file.Length % 16) % 16], .. mark, 8, 2, .. new byte[16], .. Text("go1.22rc1 X:x"), .. Text(new string('s', 16) + List + new string('e', 16)), .. random];
        foreach (int piece in (int[])[1000, 4096, 1 << 20])
        {
            var binary = new GoBinary();
            GoBinary.IsProgram(file).ShouldBeTrue();
            for (int at = 0; at < file.Length; at += piece) binary.Add(file.AsSpan(at, Math.Min(piece, file.Length - at)));
            binary.End();
            binary.Packages.Select(package => package.Name + " " + package.Version).ShouldBe(["stdlib 1.22.0-rc.1", "golang.org/x/net 0.7.0", "github.com/e/d 1.0.1"]);
        }
    }
}
