// SPDX-License-Identifier: Apache-2.0
import org.jetbrains.dokka.gradle.DokkaExtension
import org.jetbrains.dokka.gradle.engine.parameters.VisibilityModifier
import org.jetbrains.kotlin.gradle.dsl.KotlinTopLevelExtension
import org.jetbrains.kotlin.gradle.dsl.abi.ExperimentalAbiValidation

// The Android Gradle plugin compiles Kotlin by itself from version 9 on.
plugins {
    alias(libs.plugins.android.application) apply false
    alias(libs.plugins.android.library) apply false
    alias(libs.plugins.compose.compiler) apply false
    alias(libs.plugins.dokka)
}

// What who owns the sources needs, and who only copies a library does not: so it is here, not in the libraries' scripts.
@OptIn(ExperimentalAbiValidation::class)
subprojects {
    plugins.withId("com.android.library") {
        // gradle check compares the public interface with api/; gradle updateApi writes it anew.
        extensions.configure<KotlinTopLevelExtension>("kotlin") {
            abiValidation()
            tasks.named("check") { dependsOn(abiValidation.checkTaskProvider) }
            tasks.register("updateApi") { dependsOn(abiValidation.updateTaskProvider) }
        }
        apply(plugin = "org.jetbrains.dokka")
        extensions.configure<DokkaExtension> {
            dokkaSourceSets.configureEach {
                documentedVisibilities(VisibilityModifier.Public)
                skipEmptyPackages = true
            }
        }
    }
}

// gradle :dokkaGenerate writes the documentation of the libraries to build/dokka.
dependencies {
    dokka(project(":detector"))
    dokka(project(":camera"))
    dokka(project(":compose"))
}
