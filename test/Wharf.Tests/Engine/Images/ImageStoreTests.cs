using Shouldly;
using Wharf.Engine.Images;
using Wharf.Engine.State;
using Wharf.Specs.Image;
using Xunit;

namespace Wharf.Tests.Engine.Images;

/// <summary>Names and what they point at, of one and of several platforms.</summary>
public sealed class ImageStoreTests : IDisposable
{
    private readonly string _data = Directory.CreateTempSubdirectory("wharf-images-").FullName;
    private readonly StateStore _state;
    private readonly ImageStore _store;
    private readonly Digest _amd = Of("amd"), _arm = Of("arm"), _index = Of("index"), _newer = Of("newer");
    private readonly ImageReference _name = ImageReference.Parse("app:v1");

    public ImageStoreTests()
    {
        _state = new StateStore(_data);
        _store = new ImageStore(_state);
        foreach (var image in (Digest[])[_amd, _arm]) _store.Add(image, DateTimeOffset.UtcNow);
    }

    public void Dispose()
    {
        _state.Dispose();
        Directory.Delete(_data, recursive: true);
    }

    private static Digest Of(string text) => Digest.OfBytes(System.Text.Encoding.UTF8.GetBytes(text));

    private void Pull(Digest image, Digest? index)
    {
        if (index is { } digest) _store.AddDigest(_name.Repository, digest, image);
        _store.SetName(_name, image, index);
    }

    [Fact]
    public void Platforms_of_one_index_gather_under_its_name_and_the_last_is_the_one_it_means()
    {
        Pull(_amd, _index);
        Pull(_arm, _index);
        _store.ByName(_name.Canonical).ShouldBe(_arm);
        _store.PlatformsOf(_name).ShouldBe([_amd]);
        _store.NamesOf(_amd).ShouldBe([_name]);
        _store.DigestsOf(_amd).ShouldBe([(_name.Repository, _index)]);
        Pull(_amd, _index);
        _store.PlatformsOf(_name).ShouldBe([_arm]);
    }

    [Fact]
    public void Another_index_or_none_leaves_the_other_platforms_without_the_name()
    {
        Pull(_amd, _index);
        Pull(_arm, _index);
        Pull(_arm, _newer);
        _store.PlatformsOf(_name).ShouldBeEmpty();
        _store.NamesOf(_amd).ShouldBeEmpty();
        Pull(_arm, null);
        _store.IndexOf(_name).ShouldBeNull();
    }

    [Fact]
    public void A_second_name_takes_all_platforms_and_outlives_the_first()
    {
        Pull(_amd, _index);
        Pull(_arm, _index);
        var other = ImageReference.Parse("other:v1");
        _store.CopyName(_name, other, _arm);
        _store.RemoveName(_name.Canonical);
        (_store.ByName(other.Canonical), _store.IndexOf(other)).ShouldBe((_arm, _index));
        _store.PlatformsOf(other).ShouldBe([_amd]);
    }

    [Fact]
    public void A_name_moves_on_to_another_platform_with_its_digest()
    {
        Pull(_amd, _index);
        Pull(_arm, _index);
        _store.Promote(_name, _amd);
        (_store.ByName(_name.Canonical), _store.ByDigest(_name.Repository, _index)).ShouldBe((_amd, _amd));
        _store.PlatformsOf(_name).ShouldBeEmpty();
    }

    [Fact]
    public void What_an_index_needs_is_kept_as_long_as_a_name_has_it()
    {
        Pull(_amd, _index);
        _store.AddIndexBlob(_index, _newer);
        _store.IndexContents().ShouldBe([_index, _newer], ignoreOrder: true);
        _store.RemoveName(_name.Canonical);
        _store.IndexContents().ShouldBeEmpty();
    }

    [Fact]
    public void An_upload_is_remembered_by_one_push_at_a_time()
    {
        using (var first = _store.Upload("app", "layer"))
        {
            first.Location = "http://there/1";
            using var second = _store.Upload("app", "layer");
            second.Location.ShouldBeNull();
            second.Location = "http://there/2";
        }
        using var later = _store.Upload("app", "layer");
        later.Location.ShouldBe("http://there/1");
        later.Location = null;
        later.Location.ShouldBeNull();
    }
}
