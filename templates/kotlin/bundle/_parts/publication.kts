// gradle :{{ module }}:publishToMavenLocal, or publishReleasePublicationToBuildRepository for a folder to hand on: build/maven
publishing {
    publications {
        register<MavenPublication>("release") {
            groupId = "{{ package }}"
            artifactId = "{{ module }}"
            version = "{{ versions.library }}"
            pom {
                name = "{{ name }} {{ module }}"
                description = "{{ spec.title }} for Android: {{ content }}"
                licenses {
                    license {
                        name = "Apache-2.0"
                        url = "https://www.apache.org/licenses/LICENSE-2.0.txt"
                    }
                }
            }
            afterEvaluate { from(components["release"]) }
        }
    }
    repositories {
        maven {
            name = "build"
            url = uri(rootProject.layout.buildDirectory.dir("maven"))
        }
    }
}
