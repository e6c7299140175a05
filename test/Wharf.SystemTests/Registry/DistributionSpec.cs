using System.Runtime.CompilerServices;
using Xunit;

namespace Wharf.SystemTests.Registry;

/// <summary>
/// The sentences of the OCI distribution-spec 1.1 with MUST and SHOULD for registries, each as a test that names its section. A server that
/// lacks something lists the test as an exception; the test must then fail there, so that a list never says more than is true.
/// </summary>
public abstract partial class DistributionSpec(RegistryFixture registry)
{
    protected RegistryApi Api { get; } = registry.Api;
    /// <summary>Names of tests the server cannot pass, and why.</summary>
    protected virtual IReadOnlyDictionary<string, string> Exceptions { get; } = new Dictionary<string, string>();

    /// <summary>Runs a test's body; for a listed exception, sees that it fails.</summary>
    private async Task CheckAsync(Func<Task> body, [CallerMemberName] string test = "")
    {
        if (!Exceptions.TryGetValue(test, out var why))
        {
            await body();
            return;
        }
        try { await body(); }
        catch (Exception) { return; }
        Assert.Fail($"{test} passes now: the exception \"{why}\" can go");
    }

    private static byte[] Unique(int length = 300) => RegistryAnswers.Bytes(Random.Shared.Next(), length);
}

/// <summary>Our registry over a directory.</summary>
public sealed class WharfOverFilesConformance(WharfRegistryFixture registry) : DistributionSpec(registry), IClassFixture<WharfRegistryFixture>;

/// <summary>Debian's docker-registry (2.8), which came before the specification's version 1.1: what the suite proves itself on.</summary>
public sealed class DebianRegistryConformance(DebianRegistryFixture registry) : DistributionSpec(registry), IClassFixture<DebianRegistryFixture>
{
    private const string Older = "of version 1.1, which is younger than docker-registry 2.8", Deviates = "docker-registry 2.8 does otherwise";

    protected override IReadOnlyDictionary<string, string> Exceptions { get; } = new Dictionary<string, string>
    {
        [nameof(Listing_referrers_of_nothing_gives_an_empty_index)] = Older,
        [nameof(Listing_referrers_shows_manifests_with_the_subject)] = Older,
        [nameof(Listing_referrers_filters_by_artifact_type)] = Older,
        [nameof(Listing_referrers_of_a_malformed_digest_is_a_bad_request)] = Older,
        [nameof(Listing_referrers_tells_of_indexes_without_artifact_type)] = Older,
        [nameof(Pushing_with_subject_is_answered_with_the_OCI_Subject_header)] = Older,
        [nameof(Deleting_a_tag_leaves_the_manifest)] = Deviates,
        [nameof(Listing_tags_in_pages_by_n_and_last)] = "docker-registry 2.8 gives all tags, whatever n says",
        [nameof(Listing_no_tags_when_n_is_zero)] = "docker-registry 2.8 gives all tags, whatever n says",
        [nameof(Listing_tags_in_case_insensitive_order)] = Deviates,
        [nameof(Pushing_chunks_out_of_order_is_answered_with_416)] = "docker-registry 2.8 does not look at Content-Range",
        [nameof(Mounting_without_from_finds_the_blob)] = Deviates,
        [nameof(Pushing_a_single_POST_stores_the_blob)] = Deviates,
        [nameof(Listing_tags)] = "docker-registry 2.8 lists in no order",
        [nameof(Pulling_a_part_beyond_the_end)] = "docker-registry 2.8 breaks the answer off",
        [nameof(Pulling_a_malformed_reference)] = "docker-registry 2.8 answers 400 or 500",
        [nameof(Listing_referrers_in_pages)] = Older,
        [nameof(Listing_referrers_includes_those_of_the_tag_schema)] = Older,
        [nameof(Refusing_too_large_manifests_with_413)] = "docker-registry 2.8 answers 400",
        [nameof(Pushing_a_manifest_that_is_image_and_index_at_once_is_refused)] = Deviates,
        [nameof(Pushing_a_tag_with_conditions_protects_others_changes)] = Deviates,
        [nameof(Pushing_with_sha512_blobs_and_manifests)] = Deviates,
    };
}
