using Xunit;

namespace Wharf.SystemTests.Compat;

public sealed partial class BodyFieldTests
{
    /// <summary>What a container has of its host.</summary>
    public static TheoryData<string, string, string, string, string, string> Host =>
    [
        Field("ContainerCreate", "HostConfig.Devices.[].PathOnHost HostConfig.Devices.[].PathInContainer HostConfig.Devices.[].CgroupPermissions", """ "HostConfig":{"Devices":[{"PathOnHost":"/dev/loop-control","PathInContainer":"/dev/mine","CgroupPermissions":"r"}]} """, "(: < /dev/mine) && echo reads; (: > /dev/mine) 2>/dev/null || echo refused", "reads\nrefused"),
        Field("ContainerCreate", "HostConfig.DeviceCgroupRules", """ "HostConfig":{"DeviceCgroupRules":["c 10:237 r"]} """, "mknod /k c 10 237; (: < /k) && echo reads", "reads"),
        Field("ContainerCreate", "HostConfig.DeviceRequests.[].Driver HostConfig.DeviceRequests.[].Count HostConfig.DeviceRequests.[].DeviceIDs HostConfig.DeviceRequests.[].Capabilities HostConfig.DeviceRequests.[].Options", """ "HostConfig":{"DeviceRequests":[{"Driver":"cdi","Count":0,"DeviceIDs":["vendor.test/kind=one"],"Capabilities":[["gpu"]],"Options":{"a":"b"}}]} """),
        Field("ContainerCreate", "HostConfig.Init", """ "HostConfig":{"Init":true} """, "[ $$ -gt 1 ] && echo below an init", "below an init"),
        Field("ContainerCreate", "HostConfig.Binds", """ "HostConfig":{"Binds":["%dir%:/in:ro"]} """, "cat /in/file; touch /in/x 2>/dev/null || echo refused", "hello\nrefused"),
        Field("ContainerCreate", "HostConfig.ContainerIDFile", """ "HostConfig":{"ContainerIDFile":"/nowhere"} """),
        Field("ContainerCreate", "HostConfig.LogConfig.Type HostConfig.LogConfig.Config", """ "HostConfig":{"LogConfig":{"Type":"local","Config":{"max-size":"1m"}}} """),
        Field("ContainerCreate", "HostConfig.NetworkMode", """ "HostConfig":{"NetworkMode":"none"} """, "ls /sys/class/net", "lo"),
        Field("ContainerCreate", "HostConfig.PortBindings.{}.[].HostIp HostConfig.PortBindings.{}.[].HostPort", """ "HostConfig":{"PortBindings":{"80/tcp":[{"HostIp":"127.0.0.1","HostPort":"48080"}]}} """),
        Field("ContainerCreate", "HostConfig.RestartPolicy.Name HostConfig.RestartPolicy.MaximumRetryCount", """ "HostConfig":{"RestartPolicy":{"Name":"on-failure","MaximumRetryCount":3}} """),
        Field("ContainerCreate", "HostConfig.AutoRemove", """ "HostConfig":{"AutoRemove":true} """, "echo ran", "ran"),
        Field("ContainerCreate", "HostConfig.VolumeDriver", """ "HostConfig":{"VolumeDriver":"local"} """),
        Field("ContainerCreate", "HostConfig.VolumesFrom", """ "HostConfig":{"VolumesFrom":["%other%:ro"]} """, "cat /data/file; touch /data/x 2>/dev/null || echo refused", "hello\nrefused"),
        Field("ContainerCreate", "HostConfig.ConsoleSize", """ "Tty":true,"HostConfig":{"ConsoleSize":[20,30]} """, "stty size", "20 30"),
        Field("ContainerCreate", "HostConfig.Annotations", """ "HostConfig":{"Annotations":{"a":"b"}} """),
        Field("ContainerCreate", "HostConfig.CapAdd", """ "HostConfig":{"CapAdd":["CAP_SYS_TIME"]} """, "sed -n 's/CapEff:\\t//p' /proc/self/status", "00000000aa0425fb"),
        Field("ContainerCreate", "HostConfig.CapDrop", """ "HostConfig":{"CapDrop":["ALL"]} """, "sed -n 's/CapEff:\\t//p' /proc/self/status", "0000000000000000"),
        Field("ContainerCreate", "HostConfig.Dns HostConfig.DnsOptions HostConfig.DnsSearch", """ "HostConfig":{"Dns":["10.9.8.7"],"DnsOptions":["ndots:3"],"DnsSearch":["example.test"]} """, "grep -v '^#' /etc/resolv.conf | grep -v '^$'", "nameserver 10.9.8.7\nsearch example.test\noptions ndots:3"),
        Field("ContainerCreate", "HostConfig.ExtraHosts", """ "HostConfig":{"ExtraHosts":["db:10.1.2.3"]} """, "grep '[[:space:]]db$' /etc/hosts", "10.1.2.3\tdb"),
        Field("ContainerCreate", "HostConfig.GroupAdd", """ "HostConfig":{"GroupAdd":["1234"]} """, "id -G | grep -o 1234", "1234"),
        Field("ContainerCreate", "HostConfig.IpcMode", """ "HostConfig":{"IpcMode":"host"} """, "readlink /proc/self/ns/ipc", "%host ipc%"),
        Field("ContainerCreate", "HostConfig.PidMode", """ "HostConfig":{"PidMode":"host"} """, "readlink /proc/self/ns/pid", "%host pid%"),
        Field("ContainerCreate", "HostConfig.UTSMode", """ "HostConfig":{"UTSMode":"host"} """, "hostname", "%host name%"),
        Field("ContainerCreate", "HostConfig.UsernsMode", """ "HostConfig":{"UsernsMode":"host"} """, "cat /proc/self/uid_map | tr -s ' '", " 0 0 4294967295"),
        Field("ContainerCreate", "HostConfig.Cgroup", """ "HostConfig":{"Cgroup":""} """),
        Field("ContainerCreate", "HostConfig.Links", """ "HostConfig":{"Links":["%other%:db"]} """, "grep -c '[[:space:]]db ' /etc/hosts", "1", """ {"HostConfig":{"Links":["/%other%:/%name%/db"]}} """),
        Field("ContainerCreate", "HostConfig.Privileged", """ "HostConfig":{"Privileged":true} """, "[ -c /dev/loop-control ] && sed -n 's/CapEff:\\t//p' /proc/self/status", "%host capabilities%"),
        Field("ContainerCreate", "HostConfig.PublishAllPorts", """ "ExposedPorts":{"80/tcp":{}},"HostConfig":{"PublishAllPorts":true} """),
        Field("ContainerCreate", "HostConfig.ReadonlyRootfs", """ "HostConfig":{"ReadonlyRootfs":true} """, "touch /x 2>&1", "touch: /x: Read-only file system"),
        Field("ContainerCreate", "HostConfig.SecurityOpt", """ "HostConfig":{"SecurityOpt":["no-new-privileges"]} """, "sed -n 's/NoNewPrivs:\\t//p' /proc/self/status", "1"),
        Field("ContainerCreate", "HostConfig.Tmpfs", """ "HostConfig":{"Tmpfs":{"/fast":"size=1m,mode=700"}} """, "grep ' /fast ' /proc/self/mountinfo | grep -o 'size=1024k,mode=700'", "size=1024k,mode=700"),
        Field("ContainerCreate", "HostConfig.Runtime", """ "HostConfig":{"Runtime":"runc"} """, "echo ran", "ran"),
        Field("ContainerCreate", "HostConfig.Isolation", """ "HostConfig":{"Isolation":"default"} """, "echo ran", "ran"),
        Field("ContainerCreate", "HostConfig.MaskedPaths", """ "HostConfig":{"MaskedPaths":["/proc/uptime"]} """, "wc -c < /proc/uptime", "0"),
        Field("ContainerCreate", "HostConfig.ReadonlyPaths", """ "HostConfig":{"ReadonlyPaths":["/bin"]} """, "touch /bin/x 2>&1", "touch: /bin/x: Read-only file system"),
    ];

    /// <summary>Mounts of each kind with each of their options.</summary>
    public static TheoryData<string, string, string, string, string, string> Mounts =>
    [
        Field("ContainerCreate", "HostConfig.Mounts.[].Type HostConfig.Mounts.[].Source HostConfig.Mounts.[].Target HostConfig.Mounts.[].ReadOnly", """ "HostConfig":{"Mounts":[{"Type":"bind","Source":"%dir%","Target":"/in","ReadOnly":true}]} """, "cat /in/file; touch /in/x 2>/dev/null || echo refused", "hello\nrefused"),
        Field("ContainerCreate", "HostConfig.Mounts.[].Consistency", """ "HostConfig":{"Mounts":[{"Type":"bind","Source":"%dir%","Target":"/in","Consistency":"cached"}]} """),
        Field("ContainerCreate", "HostConfig.Mounts.[].BindOptions.Propagation", """ "HostConfig":{"Mounts":[{"Type":"bind","Source":"%dir%","Target":"/in","BindOptions":{"Propagation":"private"}}]} """, "cat /in/file", "hello"),
        Field("ContainerCreate", "HostConfig.Mounts.[].BindOptions.NonRecursive", """ "HostConfig":{"Mounts":[{"Type":"bind","Source":"/proc","Target":"/in","BindOptions":{"NonRecursive":true}}]} """, "grep -c ' /in' /proc/self/mountinfo", "1"),
        Field("ContainerCreate", "HostConfig.Mounts.[].BindOptions.CreateMountpoint", """ "HostConfig":{"Mounts":[{"Type":"bind","Source":"%dir%/new","Target":"/in","BindOptions":{"CreateMountpoint":true}}]} """, "[ -d /in ] && echo made", "made"),
        Field("ContainerCreate", "HostConfig.Mounts.[].BindOptions.ReadOnlyNonRecursive", """ "HostConfig":{"Mounts":[{"Type":"bind","Source":"%dir%","Target":"/in","ReadOnly":true,"BindOptions":{"ReadOnlyNonRecursive":true}}]} """, "touch /in/x 2>/dev/null || echo refused", "refused"),
        Field("ContainerCreate", "HostConfig.Mounts.[].BindOptions.ReadOnlyForceRecursive", """ "HostConfig":{"Mounts":[{"Type":"bind","Source":"%dir%","Target":"/in","ReadOnly":true,"BindOptions":{"Propagation":"rprivate","ReadOnlyForceRecursive":true}}]} """, "touch /in/x 2>/dev/null || echo refused", "refused"),
        Field("ContainerCreate", "HostConfig.Mounts.[].VolumeOptions.NoCopy", """ "HostConfig":{"Mounts":[{"Type":"volume","Target":"/etc","VolumeOptions":{"NoCopy":true}}]} """, "[ -e /etc/passwd ] || echo nothing copied", "nothing copied"),
        Field("ContainerCreate", "HostConfig.Mounts.[].VolumeOptions.Labels HostConfig.Mounts.[].VolumeOptions.DriverConfig.Name HostConfig.Mounts.[].VolumeOptions.DriverConfig.Options", """ "HostConfig":{"Mounts":[{"Type":"volume","Source":"%name%","Target":"/in","VolumeOptions":{"Labels":{"a":"b"},"DriverConfig":{"Name":"local","Options":{"type":"tmpfs","device":"tmpfs","o":"size=1m"}}}}]} """, "grep ' /in ' /proc/self/mountinfo | grep -o size=1024k", "size=1024k"),
        Field("ContainerCreate", "HostConfig.Mounts.[].VolumeOptions.Subpath", """ "HostConfig":{"Mounts":[{"Type":"volume","Source":"%volume%","Target":"/in","VolumeOptions":{"Subpath":"sub"}}]} """, "cat /in/file", "hello"),
        Field("ContainerCreate", "HostConfig.Mounts.[].ImageOptions.Subpath", """ "HostConfig":{"Mounts":[{"Type":"image","Source":"busybox:latest","Target":"/in","ImageOptions":{"Subpath":"bin"}}]} """, "[ -x /in/busybox ] && echo there", "there"),
        Field("ContainerCreate", "HostConfig.Mounts.[].TmpfsOptions.SizeBytes HostConfig.Mounts.[].TmpfsOptions.Mode HostConfig.Mounts.[].TmpfsOptions.Options", """ "HostConfig":{"Mounts":[{"Type":"tmpfs","Target":"/fast","TmpfsOptions":{"SizeBytes":1048576,"Mode":448,"Options":[["noexec"]]}}]} """, "grep ' /fast ' /proc/self/mountinfo | grep -o 'noexec\\|size=1024k\\|mode=700'", "noexec\nsize=1024k\nmode=700"),
    ];

    /// <summary>A container's place in a network.</summary>
    public static TheoryData<string, string, string, string, string, string> Endpoints =>
    [
        Field("ContainerCreate", "NetworkingConfig.EndpointsConfig.{}.IPAMConfig.IPv4Address", """ "HostConfig":{"NetworkMode":"%net%"},"NetworkingConfig":{"EndpointsConfig":{"%net%":{"IPAMConfig":{"IPv4Address":"%v4%.77"}}}} """, "ip -4 addr show eth0 | grep -o '%v4%[.0-9]*/'", "%v4%.77/"),
        Field("ContainerCreate", "NetworkingConfig.EndpointsConfig.{}.IPAMConfig.IPv6Address", """ "HostConfig":{"NetworkMode":"%net%"},"NetworkingConfig":{"EndpointsConfig":{"%net%":{"IPAMConfig":{"IPv6Address":"%v6%:77"}}}} """, "ip -6 addr show eth0 | grep -o '%v6%[:0-9a-f]*/'", "%v6%:77/"),
        Field("ContainerCreate", "NetworkingConfig.EndpointsConfig.{}.IPAMConfig.LinkLocalIPs", """ "HostConfig":{"NetworkMode":"%net%"},"NetworkingConfig":{"EndpointsConfig":{"%net%":{"IPAMConfig":{"LinkLocalIPs":["169.254.34.68"]}}}} """, "ip -4 addr show eth0 | grep -o 169.254.34.68", "169.254.34.68"),
        Field("ContainerCreate", "NetworkingConfig.EndpointsConfig.{}.MacAddress", """ "HostConfig":{"NetworkMode":"%net%"},"NetworkingConfig":{"EndpointsConfig":{"%net%":{"MacAddress":"02:11:22:33:44:66"}}} """, "cat /sys/class/net/eth0/address", "02:11:22:33:44:66"),
        Field("ContainerCreate", "NetworkingConfig.EndpointsConfig.{}.Aliases", """ "HostConfig":{"NetworkMode":"%net%"},"NetworkingConfig":{"EndpointsConfig":{"%net%":{"Aliases":["other-name"],"IPAMConfig":{"IPv4Address":"%v4%.78"}}}} """, "nslookup -type=a other-name | grep -o '%v4%[.0-9]*'", "%v4%.78"),
        Field("ContainerCreate", "NetworkingConfig.EndpointsConfig.{}.Links", """ "HostConfig":{"NetworkMode":"%net%"},"NetworkingConfig":{"EndpointsConfig":{"%net%":{"Links":["%other%:db"]}}} """),
        Field("ContainerCreate", "NetworkingConfig.EndpointsConfig.{}.DriverOpts", """ "HostConfig":{"NetworkMode":"%net%"},"NetworkingConfig":{"EndpointsConfig":{"%net%":{"DriverOpts":{"com.docker.network.endpoint.ifname":"wan0"}}}} """, "ls /sys/class/net", "lo\nwan0"),
        Field("ContainerCreate", "NetworkingConfig.EndpointsConfig.{}.GwPriority", """ "HostConfig":{"NetworkMode":"bridge"},"NetworkingConfig":{"EndpointsConfig":{"bridge":{},"%net%":{"GwPriority":1}}} """, "ip route | grep ^default | grep -o '%v4%.1'", "%v4%.1"),
        Field("ContainerCreate", "NetworkingConfig.EndpointsConfig.{}.NetworkID NetworkingConfig.EndpointsConfig.{}.EndpointID NetworkingConfig.EndpointsConfig.{}.Gateway NetworkingConfig.EndpointsConfig.{}.IPAddress NetworkingConfig.EndpointsConfig.{}.IPPrefixLen NetworkingConfig.EndpointsConfig.{}.IPv6Gateway NetworkingConfig.EndpointsConfig.{}.GlobalIPv6Address NetworkingConfig.EndpointsConfig.{}.GlobalIPv6PrefixLen NetworkingConfig.EndpointsConfig.{}.DNSNames",
            """ "HostConfig":{"NetworkMode":"%net%"},"NetworkingConfig":{"EndpointsConfig":{"%net%":{"NetworkID":"%net%","EndpointID":"y","Gateway":"1.1.1.1","IPAddress":"2.2.2.2","IPPrefixLen":9,"IPv6Gateway":"::1","GlobalIPv6Address":"::2","GlobalIPv6PrefixLen":10,"DNSNames":["z"]}}} """,
            "ip -4 addr show eth0 | grep -o '%v4%.2/24'", "%v4%.2/24", """ {"NetworkSettings":{}} """),
    ];
}
