using Wharf.Runtime.Protobuf;

namespace Wharf.Runtime.Commands.Checkpoint;

/// <summary>What criu answers (rpc.proto, criu_resp).</summary>
internal sealed class CriuResponse
{
    public CriuRequest Type { get; private set; }
    public bool Success { get; private set; }
    /// <summary>The restored process.</summary>
    public int Pid { get; private set; }
    public string Script { get; private set; } = "";
    public int ScriptPid { get; private set; }
    public int Errno { get; private set; }
    /// <summary>Three parts, 31701 for 3.17.1.</summary>
    public int Version { get; private set; }
    public bool TracksMemory { get; private set; }
    public bool HasLazyPages { get; private set; }

    public static CriuResponse Read(ReadOnlySpan<byte> message)
    {
        var response = new CriuResponse();
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1: response.Type = (CriuRequest)reader.Number; break;
                case 2: response.Success = reader.Number != 0; break;
                case 4: response.ReadRestore(reader.Bytes); break;
                case 5: response.ReadNotify(reader.Bytes); break;
                case 7: response.Errno = (int)reader.Number; break;
                case 8: response.ReadFeatures(reader.Bytes); break;
                case 10: response.ReadVersion(reader.Bytes); break;
            }
        }
        return response;
    }

    private void ReadRestore(ReadOnlySpan<byte> message)
    {
        var reader = new ProtoReader(message);
        while (reader.Next()) if (reader.Field == 1) Pid = (int)reader.Number;
    }

    private void ReadNotify(ReadOnlySpan<byte> message)
    {
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            if (reader.Field == 1) Script = reader.Text;
            else if (reader.Field == 2) ScriptPid = (int)reader.Number;
        }
    }

    private void ReadFeatures(ReadOnlySpan<byte> message)
    {
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            if (reader.Field == 1) TracksMemory = reader.Number != 0;
            else if (reader.Field == 2) HasLazyPages = reader.Number != 0;
        }
    }

    private void ReadVersion(ReadOnlySpan<byte> message)
    {
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            if (reader.Field == 1) Version += (int)reader.Number * 10000;
            else if (reader.Field == 2) Version += (int)reader.Number * 100;
            else if (reader.Field == 4) Version += (int)reader.Number;
        }
    }
}
