using System.Buffers.Binary;
using System.Formats.Tar;

namespace Wharf.Cli.Infra;

/// <summary>
/// A program of some two hundred bytes that does nothing, for ever: the first process where only the namespaces are wanted. It needs no
/// library and no file. It ignores SIGCHLD, so that the kernel itself reaps what ends under it (signal(7)).
/// </summary>
internal static class PauseProgram
{
    /// <summary>Where it lies in the containers it is put into.</summary>
    public const string Path = "/.wharf-pause";

    private const int HeaderSize = 64, SegmentSize = 56, CodeOffset = HeaderSize + 2 * SegmentSize;
    private const ulong Base = 0x400000;
    private const ushort X64 = 62, Arm64 = 183;
    private const uint Loadable = 1, Stack = 0x6474e551, Executable = 1, Writable = 2, Readable = 4;

    /// <summary>struct sigaction of the kernel: SIG_IGN, no flags, no restorer, an empty mask.</summary>
    private static readonly byte[] Ignore = [1, 0, 0, 0, 0, 0, 0, 0, .. new byte[24]];

    private static readonly byte[] X64Code =
    [
        0xb8, 13, 0, 0, 0,                   // mov eax, rt_sigaction
        0xbf, 17, 0, 0, 0,                   // mov edi, SIGCHLD
        0x48, 0x8d, 0x35, 23, 0, 0, 0,       // lea rsi, [rip + ignore]
        0x31, 0xd2,                          // xor edx, edx
        0x41, 0xba, 8, 0, 0, 0,              // mov r10d, 8
        0x0f, 0x05,                          // syscall
        0xb8, 34, 0, 0, 0,                   // again: mov eax, pause
        0x0f, 0x05,                          // syscall
        0xeb, 0xf7,                          // jmp again
        0x90, 0x90, 0x90, 0x90,              // (alignment)
    ];

    private static readonly uint[] Arm64Code =
    [
        0xd28010c8, // mov x8, rt_sigaction
        0xd2800220, // mov x0, SIGCHLD
        0x100001c1, // adr x1, ignore
        0xd2800002, // mov x2, 0
        0xd2800103, // mov x3, 8
        0xd4000001, // svc 0
        0xd2800928, // again: mov x8, ppoll
        0xd2800000, // mov x0, 0
        0xd2800001, // mov x1, 0
        0xd2800002, // mov x2, 0
        0xd2800003, // mov x3, 0
        0xd2800004, // mov x4, 0
        0xd4000001, // svc 0
        0x17fffff9, // b again
        0xd503201f, 0xd503201f, // nop (alignment)
    ];

    /// <summary>The executable for a machine as the Engine API names it (<c>amd64</c>, <c>arm64</c>); NotSupportedException for another.</summary>
    public static byte[] For(string architecture) => architecture switch
    {
        "amd64" => Link(X64, X64Code),
        "arm64" => Link(Arm64, [.. Arm64Code.SelectMany(BitConverter.GetBytes)]),
        _ => throw new NotSupportedException($"there is no pause program for {architecture}"),
    };

    /// <summary>A tar archive with the program at <see cref="Path"/>.</summary>
    public static byte[] Archive(string architecture)
    {
        using var buffer = new MemoryStream();
        using (var tar = new TarWriter(buffer, TarEntryFormat.Ustar, leaveOpen: true))
        {
            tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, Path[1..])
            {
                Mode = UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute,
                ModificationTime = DateTimeOffset.UnixEpoch, DataStream = new MemoryStream(For(architecture)),
            });
        }
        return buffer.ToArray();
    }

    /// <summary>An ELF file (elf(5)) of one loadable segment, with a stack that cannot be executed.</summary>
    private static byte[] Link(ushort machine, byte[] code)
    {
        byte[] file = [.. new byte[CodeOffset], .. code, .. Ignore];
        var header = file.AsSpan();
        ((ReadOnlySpan<byte>)[0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1]).CopyTo(header);
        BinaryPrimitives.WriteUInt16LittleEndian(header[16..], 2); // ET_EXEC
        BinaryPrimitives.WriteUInt16LittleEndian(header[18..], machine);
        BinaryPrimitives.WriteUInt32LittleEndian(header[20..], 1);
        BinaryPrimitives.WriteUInt64LittleEndian(header[24..], Base + CodeOffset);
        BinaryPrimitives.WriteUInt64LittleEndian(header[32..], HeaderSize);
        BinaryPrimitives.WriteUInt16LittleEndian(header[52..], HeaderSize);
        BinaryPrimitives.WriteUInt16LittleEndian(header[54..], SegmentSize);
        BinaryPrimitives.WriteUInt16LittleEndian(header[56..], 2);
        WriteSegment(header[HeaderSize..], Loadable, Readable | Executable, Base, (ulong)file.Length);
        WriteSegment(header[(HeaderSize + SegmentSize)..], Stack, Readable | Writable, 0, 0);
        return file;
    }

    private static void WriteSegment(Span<byte> segment, uint type, uint flags, ulong address, ulong size)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(segment, type);
        BinaryPrimitives.WriteUInt32LittleEndian(segment[4..], flags);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[16..], address);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[24..], address);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[32..], size);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[40..], size);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[48..], 0x1000);
    }
}
