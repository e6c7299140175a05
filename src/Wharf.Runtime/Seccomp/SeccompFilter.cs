using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Wharf.Specs.Errors;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Seccomp;

/// <summary>Classic BPF programs for seccomp from OCI profiles. Compiled once for each distinct profile.</summary>
public static class SeccompFilter
{
    private static readonly ConcurrentDictionary<string, byte[]> Compiled = new(StringComparer.Ordinal);
    private const int MaxCached = 64;
    private const uint SECCOMP_FILTER_FLAG_NEW_LISTENER = 8;

    /// <summary>The program's instructions (struct sock_filter, 8 bytes each).</summary>
    public static ReadOnlySpan<byte> Of(LinuxSeccomp profile)
    {
        var key = KeyOf(profile);
        if (Compiled.TryGetValue(key, out var code)) return code;
        code = Bytes(new SeccompCompiler(profile).Compile());
        if (Compiled.Count < MaxCached) Compiled.TryAdd(key, code);
        return code;
    }

    public static uint FlagsOf(LinuxSeccomp profile)
    {
        // Rules that notify need the descriptor they are answered by.
        uint flags = profile.ListenerPath is { Length: > 0 } ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0u;
        foreach (var name in profile.Flags ?? [])
        {
            flags |= name switch
            {
                "SECCOMP_FILTER_FLAG_TSYNC" => 0u, // the child has one thread
                "SECCOMP_FILTER_FLAG_LOG" => 2u,
                "SECCOMP_FILTER_FLAG_SPEC_ALLOW" => 4u,
                "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" => 32u,
                _ => throw WharfException.Invalid($"seccomp: unknown flag \"{name}\""),
            };
        }
        return flags;
    }

    private static string KeyOf(LinuxSeccomp profile)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        void Add(string? text) { hash.AppendData(MemoryMarshal.AsBytes(text.AsSpan())); hash.AppendData([0, 0]); }
        void Number(ulong number)
        {
            Span<byte> bytes = stackalloc byte[8];
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, number);
            hash.AppendData(bytes);
        }
        Add(profile.DefaultAction);
        Number(profile.DefaultErrnoRet ?? ulong.MaxValue);
        foreach (var architecture in profile.Architectures ?? []) Add(architecture);
        foreach (var rule in profile.Syscalls ?? [])
        {
            Add("rule");
            foreach (var name in rule.Names) Add(name);
            Add(rule.Action);
            Number(rule.ErrnoRet ?? ulong.MaxValue);
            foreach (var argument in rule.Args ?? [])
            {
                Add(argument.Op);
                Number(argument.Index);
                Number(argument.Value);
                Number(argument.ValueTwo ?? 0);
            }
        }
        return Encoding.Latin1.GetString(hash.GetHashAndReset());
    }

    private static byte[] Bytes(IReadOnlyList<BpfInstruction> program)
    {
        var bytes = new byte[program.Count * 8];
        for (int i = 0; i < program.Count; i++)
        {
            var at = bytes.AsSpan(i * 8);
            BinaryPrimitives.WriteUInt16LittleEndian(at, program[i].Code);
            at[2] = program[i].IfTrue;
            at[3] = program[i].IfFalse;
            BinaryPrimitives.WriteUInt32LittleEndian(at[4..], program[i].K);
        }
        return bytes;
    }
}
