using System.Diagnostics;
using System.Globalization;
using Wharf.Runtime.Cgroups;
using Wharf.Runtime.Init;
using Wharf.Specs.Runtime;
using Process = Wharf.Specs.Runtime.Process;

// Launches containers of `true` over and over, several at a time, while other threads allocate and force garbage collections: what
// happens between clone and exec must neither hang nor crash whatever the collector does (docs/design/0001, DESIGN "Launching").
//   ./dev soak [COUNT] [WORKERS]
int count = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 100_000;
int workers = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : Environment.ProcessorCount;

var root = Directory.CreateTempSubdirectory("wharf-soak-").FullName;
var rootfs = Directory.CreateDirectory(Path.Combine(root, "rootfs", "bin")).Parent!.FullName;
foreach (var name in (string[])["proc", "dev", "sys"]) Directory.CreateDirectory(Path.Combine(rootfs, name));
File.Copy("/bin/busybox", Path.Combine(rootfs, "bin", "busybox"));
foreach (var applet in (string[])["true", "sleep"]) File.CreateSymbolicLink(Path.Combine(rootfs, "bin", applet), "busybox");
var mountPoint = Directory.CreateDirectory(Path.Combine(root, "mnt")).FullName;

var launcher = new Launcher(CgroupLayout.Detect(), mountPoint);
string parent = $"/wharf-soak-{Environment.ProcessId}";
using var nothing = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite);
int stream = (int)nothing.DangerousGetHandle();

Spec SpecOf(int number, params string[] command) => new()
{
    Process = new Process { Args = [.. command], Cwd = "/", Env = ["PATH=/bin"], User = new User(), Capabilities = new Capabilities(), NoNewPrivileges = true },
    Root = new Root { Path = rootfs },
    Hostname = "soak",
    Mounts = [new Mount { Destination = "/proc", Type = "proc", Source = "proc" }, new Mount { Destination = "/dev", Type = "tmpfs", Source = "tmpfs" }],
    Linux = new LinuxSpec
    {
        CgroupsPath = $"{parent}/{number}",
        Namespaces = [.. ((string[])["pid", "mount", "ipc", "uts"]).Select(type => new LinuxNamespace { Type = type })],
        Resources = new LinuxResources { Memory = new LinuxMemory { Limit = 64 << 20 }, Pids = new LinuxPids { Limit = 10 } },
        Seccomp = new LinuxSeccomp { DefaultAction = "SCMP_ACT_ALLOW", Syscalls = [new LinuxSyscall { Names = ["reboot", "swapon"], Action = "SCMP_ACT_ERRNO" }] },
    },
};

// Number and what it is of each descriptor; the one that reads the folder is gone by the time it is asked for.
Dictionary<string, string> Descriptors() => Directory.GetFiles("/proc/self/fd")
    .Select(path => (Number: Path.GetFileName(path), What: new FileInfo(path).LinkTarget))
    .Where(descriptor => descriptor.What is not null)
    .ToDictionary(descriptor => descriptor.Number, descriptor => descriptor.What!);
long Threads() => Directory.GetDirectories("/proc/self/task").Length;
int next = 0, failed = 0, done = 0, execs = 0, collections = 0;
bool stop = false;
var slowest = 0.0;
var watch = Stopwatch.StartNew();

void Fail(int number, string why)
{
    if (Interlocked.Increment(ref failed) <= 20) Console.Error.WriteLine($"launch {number}: {why}");
}

void LaunchOne(int number, bool withExec)
{
    try
    {
        var launched = launcher.Launch(new LaunchRequest { ContainerId = $"c{number}", Spec = withExec ? SpecOf(number, "/bin/sleep", "100") : SpecOf(number, "/bin/true"), Rootfs = [], Stdin = stream, Stdout = stream, Stderr = stream });
        using (launched.PidFd)
        {
            if (withExec)
            {
                var spec = SpecOf(number, "/bin/true");
                var exec = launcher.Exec(new ExecLaunch { ContainerId = $"c{number}", InitPid = launched.Pid, InitPidFd = launched.PidFd, Process = spec.Process!, Linux = spec.Linux, OfContainer = spec.Process!.Capabilities, Cgroup = launched.Cgroup, Stdin = stream, Stdout = stream, Stderr = stream });
                using (exec.PidFd)
                    if (ProcessExit.Wait(exec.PidFd) is var status and not 0) Fail(number, $"exec ended with {status}");
                Interlocked.Increment(ref execs);
                launched.Cgroup.KillAll();
            }
            if (ProcessExit.Wait(launched.PidFd) is var code && code != (withExec ? 137 : 0)) Fail(number, $"ended with {code}");
        }
        for (int attempt = 0; !launched.Cgroup.TryDelete(); attempt++)
        {
            if (attempt == 1000) { Fail(number, "its cgroup cannot be removed"); break; }
            Thread.Sleep(1);
        }
        Interlocked.Increment(ref done);
    }
    catch (Exception error) { Fail(number, error.ToString()); }
}

for (int warm = 0; warm < 20; warm++) LaunchOne(--next, withExec: warm % 2 == 0);
(next, done, execs) = (0, 0, 0);
// What .NET opens at first use and keeps is no leak of a launch: /dev/urandom for the first random number; standard error's duplicate
// and the pipe of signals for the first line to it.
_ = Random.Shared.Next();
Console.Error.WriteLine($"{count} launches, {workers} at a time");
GC.Collect();
var descriptorsBefore = Descriptors();
long threadsBefore = Threads();

var others = new List<Thread>();
for (int i = 0; i < 2; i++)
{
    // Garbage of all sizes, some of it living on for a while.
    others.Add(new Thread(() =>
    {
        var kept = new byte[64][];
        for (int n = 0; !Volatile.Read(ref stop); n++)
        {
            kept[n % kept.Length] = new byte[100 + (int)((uint)n * 7919 % 100_000)];
            if (n % 200 == 0) Thread.Sleep(1);
        }
    }));
}
others.Add(new Thread(() =>
{
    while (!Volatile.Read(ref stop))
    {
        GC.Collect(Random.Shared.Next(3), GCCollectionMode.Forced, blocking: true, compacting: true);
        Interlocked.Increment(ref collections);
        Thread.Sleep(2);
    }
}));
foreach (var thread in others) thread.Start();

var launchers = Enumerable.Range(0, workers).Select(_ => new Thread(() =>
{
    for (int number; (number = Interlocked.Increment(ref next)) <= count;)
    {
        long start = Stopwatch.GetTimestamp();
        LaunchOne(number, withExec: number % 10 == 0);
        var took = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        if (took > slowest) slowest = took;
        if (number % Math.Max(1, count / 10) == 0) Console.Error.WriteLine($"{number} launched after {watch.Elapsed.TotalSeconds:0} s, {collections} collections, {failed} failed");
    }
})).ToList();
foreach (var thread in launchers) thread.Start();
foreach (var thread in launchers) thread.Join();
Volatile.Write(ref stop, true);
foreach (var thread in others) thread.Join();

var seconds = watch.Elapsed.TotalSeconds;
Cgroup.Open(CgroupLayout.Detect(), new CgroupPlace(parent)).TryDelete();
// What only a collection closes is no leak.
GC.Collect();
GC.WaitForPendingFinalizers();
var added = Descriptors().Except(descriptorsBefore).ToList();
long threads = Threads() - threadsBefore;
Directory.Delete(root, recursive: true);
foreach (var (descriptor, what) in added) Console.Error.WriteLine($"descriptor {descriptor} was not there before: {what}");
if (added.Count > 2) Fail(0, $"{added.Count} descriptors more than before");
if (threads > 4) Fail(0, $"{threads} threads more than before");
Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"soak: {done} launches ({execs} with an exec), {workers} at a time, {seconds:0} s, {seconds * 1000 * workers / Math.Max(1, done):0.0} ms each, slowest {slowest:0} ms, {collections} forced collections, {failed} failed"));
return failed == 0 && done == count ? 0 : 1;
