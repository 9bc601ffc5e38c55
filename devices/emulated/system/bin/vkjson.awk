# Turns the summary of vulkaninfo ("key = value" lines below a heading a GPU) into Android's vkjson.
function version(text, part) {
    split(text, part, ".")
    return part[1] * 4194304 + part[2] * 4096 + part[3]
}
function quoted(text) {
    gsub(/\\/, "\\\\", text)
    gsub(/"/, "\\\"", text)
    return "\"" text "\""
}
function flush() {
    if (!(("deviceName") in value)) return
    kind = value["deviceType"]
    type = kind ~ /INTEGRATED/ ? 1 : kind ~ /DISCRETE/ ? 2 : kind ~ /VIRTUAL/ ? 3 : kind ~ /CPU/ ? 4 : 0
    list = list (list ? "," : "") "{\"properties\":{\"apiVersion\":" version(value["apiVersion"]) \
        ",\"driverVersion\":" version(value["driverVersion"]) ",\"deviceType\":" type \
        ",\"deviceName\":" quoted(value["deviceName"]) "},\"VK_KHR_driver_properties\":{\"driverPropertiesKHR\":" \
        "{\"driverName\":" quoted(value["driverName"]) ",\"driverInfo\":" quoted(value["driverInfo"]) "}}}"
    split("", value)
}
/^GPU[0-9]+:/ { flush() }
/^\t[A-Za-z]+ *= / {
    key = $1
    text = $0
    sub(/^[^=]*= /, "", text)
    value[key] = text
}
END {
    flush()
    print "{\"apiVersion\":" version("1.3.0") ",\"devices\":[" list "]}"
}
