# The body's temperature, from the /proc/PID/stat lines of all of the device's processes. It follows the share of the
# processors that they have used since it was last asked for; see ThermalSpec. Prints what `dumpsys thermalservice`
# prints, and leaves temperature and clocks where the nodes in /sys show them.
function content(name, line) {
    line = ""
    getline line < (now "/" name)
    close(now "/" name)
    return line
}
BEGIN { now = "/dev/emulated" }
{
    sub(/^.*\) /, "")
    used += ($12 + $13 + $14 + $15) / 100
}
END {
    getline uptime < "/proc/uptime"
    time = uptime + 0
    idle = content("thermal.idle")
    cpus = content("cpus")
    warm = idle
    if (split(content("thermal.last"), was, " ") == 3) {
        warm = was[1]
        if (time > was[2]) {
            share = (used - was[3]) / ((time - was[2]) * cpus)
            share = share < 0 ? 0 : share > 1 ? 1 : share
            goal = idle + share * (content("thermal.busy") - idle)
            warm = goal + (warm - goal) * exp((was[2] - time) / content("thermal.seconds"))
        }
    }
    printf "%.3f %s %.2f\n", warm, time, used > (now "/thermal.last")
    status = 0
    count = split(content("thermal.limits"), limits, " ")
    for (i = 1; i <= count; i++) if (warm >= limits[i] + 0) status = i
    claimed = content("thermal.override")
    if (claimed != "") status = claimed

    # From "severe" on, the clocks that the nodes show are those of a throttled phone.
    clock = content("cpu.clock") * (status >= 3 ? 0.6 : 1)
    for (i = 0; i < cpus; i++) {
        printf "%d\n", clock > ("/sys/devices/system/cpu/cpu" i "/cpufreq/scaling_cur_freq")
        printf "%d\n", clock > ("/sys/devices/system/cpu/cpu" i "/cpufreq/scaling_max_freq")
    }

    print "IsStatusOverride: " (claimed == "" ? "false" : "true")
    print "Thermal Status: " status
    print "Current temperatures from HAL:"
    count = split(content("thermal.zones"), zones, " ")
    for (i = 1; i <= count; i++) {
        printf "%d\n", warm * 1000 > ("/sys/class/thermal/thermal_zone" (i - 1) "/temp")
        type = zones[i] == "cpu" ? 0 : zones[i] == "gpu" ? 1 : 3
        printf "\tTemperature{mValue=%.1f, mType=%d, mName=%s, mStatus=%d}\n", warm, type, zones[i], status
    }
}
