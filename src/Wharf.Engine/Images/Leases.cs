using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>
/// What is being added and not yet recorded: layers by chain ID, blobs by digest. A collector frees nothing that is held, so that pulls,
/// loads and builds go on while images are removed. In memory only: with the daemon also those end who held something.
/// </summary>
internal sealed class Leases
{
    private readonly Dictionary<Digest, int> _held = [];
    private int _holdingAll;

    /// <summary>Guards the marking and the deleting of a collection, and each taking of a lease: none falls between.</summary>
    public Lock Sync { get; } = new();

    /// <summary>Called when the last that held something lets go and there may be something to collect.</summary>
    public Action Released { get; set; } = static () => { };

    /// <summary>A collection has left what is held. Only under <see cref="Sync"/>.</summary>
    public bool Missed { get; set; }

    /// <summary>While true, nothing is to be collected. Only under <see cref="Sync"/>.</summary>
    public bool HoldsAll => _holdingAll > 0;

    /// <summary>What is held. Only under <see cref="Sync"/>.</summary>
    public IReadOnlyCollection<Digest> Held => _held.Keys;

    public Lease Take() => new(this);

    /// <summary>
    /// Holds all there is, for those who do not know beforehand what they will need. Letting go collects; with <paramref name="quiet"/>, for those
    /// who leave nothing behind, only when a collection was asked for meanwhile.
    /// </summary>
    public IDisposable HoldAll(bool quiet = false)
    {
        lock (Sync)
        {
            _holdingAll++;
            Missed |= !quiet;
        }
        return new AllLease(this);
    }

    /// <summary>Whether the last has let go of something that a collection left. Only under <see cref="Sync"/>.</summary>
    private bool IsDue()
    {
        if (_holdingAll > 0 || _held.Count > 0 || !Missed) return false;
        Missed = false;
        return true;
    }

    internal sealed class Lease(Leases owner) : IDisposable
    {
        private readonly HashSet<Digest> _own = [];
        private bool _ended;

        /// <summary>From here on it is kept, if it is there: look afterwards.</summary>
        public void Add(Digest digest)
        {
            lock (owner.Sync)
                if (!_ended && _own.Add(digest)) owner._held[digest] = owner._held.GetValueOrDefault(digest) + 1;
        }

        public void Dispose()
        {
            bool due;
            lock (owner.Sync)
            {
                if (_ended) return;
                _ended = true;
                foreach (var digest in _own)
                    if (--owner._held[digest] == 0) owner._held.Remove(digest);
                _own.Clear();
                due = owner.IsDue();
            }
            if (due) owner.Released();
        }
    }

    private sealed class AllLease(Leases owner) : IDisposable
    {
        private Leases? _owner = owner;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _owner, null) is not { } leases) return;
            bool due;
            lock (leases.Sync)
            {
                leases._holdingAll--;
                due = leases.IsDue();
            }
            if (due) leases.Released();
        }
    }
}
