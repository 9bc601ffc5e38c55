// SPDX-License-Identifier: Apache-2.0
import java.io.File;
import java.util.Arrays;
import java.util.List;
import java.util.ServiceLoader;
import java.util.Set;
import org.jetbrains.kotlin.abi.tools.AbiFilters;
import org.jetbrains.kotlin.abi.tools.AbiToolsFactory;

/** Prints the public interface of the class files in a folder, as Kotlin's Gradle plugin writes it to api/. */
class ApiDump {
    public static void main(String[] arguments) {
        File[] classes = new File(arguments[0]).listFiles(file -> file.getName().endsWith(".class"));
        Arrays.sort(classes);
        AbiToolsFactory factory = ServiceLoader.load(AbiToolsFactory.class).iterator().next();
        StringBuilder dump = new StringBuilder();
        factory.get().printJvmDump(dump, List.of(classes), new AbiFilters(Set.of(), Set.of(), Set.of(), Set.of()));
        System.out.print(dump);
    }
}
